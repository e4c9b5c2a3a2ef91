// Asks a customer whether she wants push messages, and gives what the shop passes on with her order as
// the attribute waxwing_push; "" where she does not, or her browser has none. Call it from a click:
//   import { waxwingPush } from "https://waxwing.example/push/acme/subscribe.js";
//   const recipient = await waxwingPush("/worker.js");
export async function waxwingPush(worker) {
  if (!("serviceWorker" in navigator) || !("PushManager" in self)) return "";
  if ((await Notification.requestPermission()) !== "granted") return "";
  const key = await (await fetch(new URL("key", import.meta.url))).text();
  await navigator.serviceWorker.register(worker);
  const registration = await navigator.serviceWorker.ready;
  // A browser that cannot reach its push service does not say so for minutes: nobody waits for that with a full cart.
  const late = new Promise((answer) => setTimeout(answer, 10_000, null));
  const subscription = await Promise.race([registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }), late]);
  if (!subscription) return "";
  const answer = await fetch(new URL("subscriptions", import.meta.url), { method: "POST", body: JSON.stringify(subscription) });
  if (!answer.ok) throw new Error(`Waxwing refused the subscription: ${answer.status}`);
  return (await answer.json()).recipient;
}
