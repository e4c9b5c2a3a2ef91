// The host's functions, and the way of a call.

// @ts-ignore: decorator
@external("ww_1", "log")
declare function hostLog(level: i32, ptr: usize, len: i32): void;
// @ts-ignore: decorator
@external("ww_1", "fail")
declare function hostFail(code: i32, ptr: usize, len: i32): void;

function log(level: i32, text: string): void {
  const b = String.UTF8.encode(text);
  hostLog(level, changetype<usize>(b), b.byteLength);
}

/** Writes to the plugin's log: at most 4 KiB a call. Name no customers. */
export function debug(text: string): void { log(0, text); }
/** Writes to the plugin's log. */
export function info(text: string): void { log(1, text); }
/** Writes to the plugin's log. */
export function warn(text: string): void { log(2, text); }
/** Writes to the plugin's log; the call goes on. */
export function error(text: string): void { log(3, text); }

/** Ends the call as failed; the confirmation goes out without it. */
export function fail(text: string, code: i32 = 1): void {
  const b = String.UTF8.encode(text);
  hostFail(code, changetype<usize>(b), b.byteLength);
  unreachable(); // the host does not return
}

/** What the compiler calls where a program throws. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  fail((message ? message : "abort") + " at " + (file ? file : "?") + ":" + line.toString(), 2);
}
