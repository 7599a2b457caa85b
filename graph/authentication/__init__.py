"""Who a client is: an authenticator for each value of AUTH, and where clients put what they present."""
