"use strict";
// What the order process has in JavaScript: the packing, and an orchestration. `main.rs` runs it.

const { NoOpLogger, TaskHubGrpcWorker } = require("@microsoft/durabletask-js");

const pack = async (_ctx, item) => `${item} packed in JavaScript`;

const order_in_javascript = async function* (ctx, order) {
  const reserved = yield ctx.callActivity("reserve", order.item);
  const paid = yield ctx.callActivity("charge", order.cents);
  const packed = yield ctx.callActivity("pack", order.item);
  return `JavaScript: ${reserved}, ${paid}, ${packed}`;
};

const worker = new TaskHubGrpcWorker({
  hostAddress: process.env.ENDPOINT,
  logger: new NoOpLogger(),
  workItemFilters: "auto", // the other names are those of other programs
});
worker.addActivity(pack);
worker.addOrchestrator(order_in_javascript);
worker.start();
