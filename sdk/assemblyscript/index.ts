/**
 * What a Waxwing plugin in AssemblyScript imports. A plugin exports what the host
 * calls, and a function for each hook:
 *
 *   export { ww_abi_1, ww_alloc } from "../waxwing";
 *   export function ww_filter_1(ptr: usize, len: i32): u64 { return onFilter(ptr, len, filter); }
 *
 *   function filter(input: Input): FilterOutput | null { return null; }
 *
 * null means that there is nothing to say. fail() and whatever throws fail the
 * call: it is recorded, and the confirmation goes out without it. Nothing survives
 * from one call to the next. An empty text or list means that it was not given.
 */

import { Reader, Writer } from "./json";
import { FilterOutput, GenericOrder, Input, NormaliseInput, PersonaliseOutput, PredictDelayOutput, RecommendOutput } from "./types";

export { formatDate, formatMoney, formatWeekday } from "./format";
export { debug, error, fail, info, warn } from "./host";
export { isWhole, Kind, Value } from "./json";
export * from "./types";

/**
 * Makes a text of any origin fit for a subject or a greeting, where a control
 * character or a text that is too long is refused: controls and line breaks become
 * spaces, and what is beyond most characters is cut off.
 */
export function line(text: string, most: i32): string {
  let out = "";
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0x20 && (c < 0x7f || c >= 0xa0) && c != 0x2028 && c != 0x2029) continue;
    out += text.substring(from, i) + " ";
    from = i + 1;
  }
  out = (from ? out + text.substring(from) : text).trim();
  for (let i = 0, n = 0; i < out.length; i++) {
    if ((out.charCodeAt(i) & 0xfc00) == 0xdc00) continue; // the second half of a character
    if (++n > most) return out.substring(0, i).trimEnd();
  }
  return out;
}

/** The mark of ABI 1. */
export function ww_abi_1(): void {}

/** Where the host writes an input. Nothing is freed: the host resets the instance. */
export function ww_alloc(len: i32): usize {
  return heap.alloc(<usize>max(len, 1));
}

function input(ptr: usize, len: i32): Input {
  const r = new Reader(ptr, ptr + len);
  const v = Input.read(r);
  r.done();
  return v;
}

function answer(w: Writer | null): u64 {
  const b = w ? w.done() : String.UTF8.encode("{}");
  return (<u64>changetype<usize>(b) << 32) | <u64>b.byteLength;
}

/** Runs personalise: subject, greeting, variables and blocks. */
export function onPersonalise(ptr: usize, len: i32, f: (input: Input) => PersonaliseOutput | null): u64 {
  const out = f(input(ptr, len));
  if (!out) return answer(null);
  const w = new Writer();
  out.write(w);
  return answer(w);
}

/** Runs recommend: SKUs out of the candidates, best first. */
export function onRecommend(ptr: usize, len: i32, f: (input: Input) => RecommendOutput | null): u64 {
  const out = f(input(ptr, len));
  if (!out) return answer(null);
  const w = new Writer();
  out.write(w);
  return answer(w);
}

/** Runs predict_delay: how many hours late the parcel may be. */
export function onPredictDelay(ptr: usize, len: i32, f: (input: Input) => PredictDelayOutput | null): u64 {
  const out = f(input(ptr, len));
  if (!out) return answer(null);
  const w = new Writer();
  out.write(w);
  return answer(w);
}

/** Runs filter: whether a confirmation is held or dropped. */
export function onFilter(ptr: usize, len: i32, f: (input: Input) => FilterOutput | null): u64 {
  const out = f(input(ptr, len));
  if (!out) return answer(null);
  const w = new Writer();
  out.write(w);
  return answer(w);
}

/** Runs normalise: an event of an unknown shop becomes the generic order. */
export function onNormalise(ptr: usize, len: i32, f: (input: NormaliseInput) => GenericOrder | null): u64 {
  const r = new Reader(ptr, ptr + len);
  const event = NormaliseInput.read(r);
  r.done();
  const out = f(event);
  if (!out) return answer(null);
  const w = new Writer();
  out.write(w);
  return answer(w);
}
