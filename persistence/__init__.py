"""What the service itself must remember; knows neither DICOM nor GraphQL."""
