// What a page does with urql: a query, a mutation, an upload, a subscription; prints what came as JSON.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const url = process.argv[2];
const socket = createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, retryAttempts: 0 });
const client = new Client({
  url,
  preferGetMethod: false,
  fetchOptions: { headers: { "GraphQL-Require-Preflight": "1" } },
  exchanges: [
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: request.query || "", variables: request.variables }, sink) }),
      }),
    }),
  ],
});

const hello = await client.query("query($name: String!) { hello(name: $name) }", { name: "you" });
const failed = await client.query("{ forbidden }", {});
const renamed = await client.mutation("mutation($patient: PatientInput!) { rename(patient: $patient) }", { patient: { name: "x", age: 1 } });
const files = [new File(["first"], "1.dcm"), new File(["second"], "2.dcm")];
const uploaded = await client.mutation("mutation($files: [Upload!]!) { upload(files: $files) { filename size } }", { files });
const counted = await new Promise((resolve) => {
  const values = [];
  client.subscription("subscription { count(to: 3) }", {}).subscribe((result) => {
    values.push(result.data?.count ?? result.error?.message);
    if (values.length === 3) resolve(values);
  });
});
console.log(JSON.stringify({
  hello: hello.data, failed: failed.error?.graphQLErrors[0].extensions.code, renamed: renamed.data,
  uploaded: uploaded.data ?? uploaded.error?.message, counted,
}));
await socket.dispose();
process.exit(0);
