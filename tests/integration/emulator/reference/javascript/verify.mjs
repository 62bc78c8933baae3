// Prints, as JSON, which deliveries of the file named on the command line are accepted, and what
// this library would have signed them with.
import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const accepted = ({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return false;
  }
};

const signature = ({ secret, headers, body }) =>
  new Webhook(secret).sign(headers["webhook-id"], new Date(1000 * headers["webhook-timestamp"]), body);

const opinion = (delivery) => ({ accepted: accepted(delivery), signature: signature(delivery) });

console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[2], "utf8")).map(opinion)));
