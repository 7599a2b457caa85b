// What a page does with graphql-ws: several operations on one socket, errors, one left early; prints what came as JSON.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const client = createClient({ url: process.argv[2], webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: { token: "t" } });

async function collect(query, variables, enough = Infinity) {
  const values = [];
  try {
    for await (const value of client.iterate({ query, variables })) {
      values.push(value);
      if (values.length >= enough) break;
    }
  } catch (error) {
    values.push({ thrown: error.map?.((each) => each.extensions.code) ?? String(error) });
  }
  return values;
}

const [numbers, query, invalid, left] = await Promise.all([
  collect("subscription($to: Int!) { count(to: $to) }", { to: 3 }),
  collect("{ hello }"),
  collect("subscription { nothing }"),
  collect("subscription { count(to: 1000000) }", {}, 2),
]);
const afterwards = await collect("subscription { count(to: 1) }");
console.log(JSON.stringify({ numbers, query, invalid, left: left.length, afterwards }));
await client.dispose();
