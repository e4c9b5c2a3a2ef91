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
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const answer = await fetch(new URL("subscriptions", import.meta.url), { method: "POST", body: JSON.stringify(subscription) });
  if (!answer.ok) throw new Error(`Waxwing refused the subscription: ${answer.status}`);
  return (await answer.json()).recipient;
}
