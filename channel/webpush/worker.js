// Shows an order's confirmation that Waxwing has pushed, and opens it at a tap. A service worker must
// come from the shop's own origin: serve this file there, or import it from one.
self.addEventListener("push", (event) => {
  let note;
  try {
    note = event.data.json();
  } catch {
    return; // of somebody else
  }
  event.waitUntil(self.registration.showNotification(note.title, { body: note.body || "", data: { waxwing: note.url || "" } }));
});
self.addEventListener("notificationclick", (event) => {
  const url = event.notification.data && event.notification.data.waxwing;
  if (url === undefined) return;
  event.notification.close();
  if (/^https:/.test(url)) event.waitUntil(self.clients.openWindow(url));
});
