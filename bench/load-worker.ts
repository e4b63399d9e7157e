import { Agent, get } from "node:http";
import { type Answer, type LoadOrder, preciseNowMs } from "./load.ts";

const timeoutMs = 10_000;
const answers: Answer[] = [];

process.once("message", (order: LoadOrder) => {
  for (let client = 0; client < order.clients; client++) {
    void askForever(order, new Agent({ keepAlive: client % 2 === 0, maxSockets: 1 }));
  }
  process.on("message", send);
  const first = setInterval(() => {
    if (answers.length < order.clients) return;
    clearInterval(first);
    send();
  }, 1);
});
process.once("disconnect", () => process.exit(0));

function send(): void {
  process.send?.(answers.splice(0));
}

async function askForever(order: LoadOrder, agent: Agent): Promise<never> {
  for (;;) {
    const askedAtMs = preciseNowMs();
    const end = await ask(order.url, agent);
    answers.push({ askedAtMs, endedAtMs: preciseNowMs(), ...end });
    await new Promise((resolve) => setTimeout(resolve, order.pauseMs));
  }
}

/** Served is a whole answer with status 200; every other end of a request is a loss. */
function ask(url: string, agent: Agent): Promise<Pick<Answer, "server" | "loss">> {
  return new Promise((resolve) => {
    const lose = (loss: string) => resolve({ server: undefined, loss });
    const request = get(url, { agent, timeout: timeoutMs }, (response) => {
      response.resume();
      response.once("error", (error) => lose(error.message));
      response.once("end", () => {
        if (response.statusCode !== 200) lose(`status ${response.statusCode}`);
        else resolve({ server: String(response.headers["x-server"]) });
      });
    });
    request.once("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.once("error", (error) => lose(error.message));
  });
}
