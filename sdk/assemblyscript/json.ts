// JSON (RFC 8259): a reader from UTF-8 without a tree for the types, a tree for
// events of any form, and a writer to UTF-8.

import { fail } from "./host";

/** Reads JSON from UTF-8; anything else fails the call. */
export class Reader {
  private depth: i32 = 0;
  private first: bool = false;

  constructor(private at: usize, private end: usize) {}

  private wrong(what: string): void {
    fail("JSON: want " + what);
  }

  private peek(): u32 {
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return c;
      this.at++;
    }
    return 0;
  }

  private next(c: u32): bool {
    if (this.peek() != c) return false;
    this.at++;
    return true;
  }

  private word(w: string): bool {
    const n = <usize>w.length;
    if (this.end - this.at < n) return false;
    for (let i: i32 = 0; i < w.length; i++) {
      if (<i32>load<u8>(this.at + i) != w.charCodeAt(i)) return false;
    }
    this.at += n;
    return true;
  }

  /** Reads { or [; more() then steps through it. */
  begin(open: string): bool {
    if (!this.next(open.charCodeAt(0))) this.wrong(open);
    if (++this.depth > 64) this.wrong("less depth");
    this.first = true;
    return true;
  }

  /** Whether there is another element; close is } or ]. */
  more(close: string): bool {
    const c = close.charCodeAt(0);
    if (this.next(c)) {
      this.depth--;
      this.first = false;
      return false;
    }
    if (!this.first) {
      if (!this.next(0x2c)) this.wrong("a comma or " + close);
      if (this.peek() == c) this.wrong("a value");
    }
    this.first = false;
    return true;
  }

  key(): string {
    const k = this.text();
    if (!this.next(0x3a)) this.wrong("a colon");
    return k;
  }

  /** Skips null, which is the same as nothing. */
  skipNull(): bool {
    return this.peek() == 0x6e && this.word("null");
  }

  /** Skips any value. */
  skip(): void {
    Value.read(this);
  }

  done(): void {
    if (this.peek() != 0) this.wrong("the end");
  }

  text(): string {
    if (!this.next(0x22)) this.wrong("a text");
    let from = this.at;
    let out = "";
    while (true) {
      const c: u32 = this.at < this.end ? load<u8>(this.at) : 0;
      if (c < 0x20) this.wrong("a quotation mark");
      if (c == 0x22 || c == 0x5c) {
        if (this.at > from) {
          const part = String.UTF8.decodeUnsafe(from, this.at - from);
          out = out.length ? out + part : part;
        }
        this.at++;
        if (c == 0x22) return out;
        out += this.escape();
        from = this.at;
      } else this.at++;
    }
    return out;
  }

  private escape(): string {
    const c: u32 = this.at < this.end ? load<u8>(this.at) : 0;
    this.at++;
    switch (c) {
      case 0x22: return '"';
      case 0x5c: return "\\";
      case 0x2f: return "/";
      case 0x62: return "\b";
      case 0x66: return "\f";
      case 0x6e: return "\n";
      case 0x72: return "\r";
      case 0x74: return "\t";
      case 0x75: break;
      default: this.wrong("an escape");
    }
    const u = this.hex();
    if (u >= 0xd800 && u < 0xdc00 && this.word("\\u")) {
      const low = this.hex();
      if (low >= 0xdc00 && low < 0xe000) return String.fromCharCode(u) + String.fromCharCode(low);
    }
    if (u >= 0xd800 && u < 0xe000) this.wrong("a whole character");
    return String.fromCharCode(u);
  }

  private hex(): i32 {
    let n = 0;
    for (let i = 0; i < 4; i++) {
      const c: i32 = this.at < this.end ? load<u8>(this.at) : 0;
      this.at++;
      const l = c | 0x20;
      if (c >= 0x30 && c <= 0x39) n = (n << 4) | (c - 0x30);
      else if (l >= 0x61 && l <= 0x66) n = (n << 4) | (l - 0x57);
      else this.wrong("four hexadecimal digits");
    }
    return n;
  }

  private digits(): i32 {
    const from = this.at;
    while (this.at < this.end && load<u8>(this.at) - 0x30 < 10) this.at++;
    return <i32>(this.at - from);
  }

  private skipByte(c: u8): bool {
    if (this.at >= this.end || load<u8>(this.at) != c) return false;
    this.at++;
    return true;
  }

  /** Reads a number as it is written. */
  literal(): string {
    this.peek();
    const from = this.at;
    this.skipByte(0x2d);
    const first = this.at;
    const n = this.digits();
    if (n == 0 || (n > 1 && load<u8>(first) == 0x30)) this.wrong("a number");
    if (this.skipByte(0x2e) && this.digits() == 0) this.wrong("a digit");
    if (this.skipByte(0x65) || this.skipByte(0x45)) {
      if (!this.skipByte(0x2b)) this.skipByte(0x2d);
      if (this.digits() == 0) this.wrong("a digit");
    }
    return String.UTF8.decodeUnsafe(from, this.at - from);
  }

  number(): f64 {
    const n = parseFloat(this.literal());
    if (!isFinite(n)) this.wrong("a number within range");
    return n;
  }

  whole(): i64 {
    const s = this.literal();
    if (!isWhole(s)) this.wrong("a whole number");
    return I64.parseInt(s);
  }

  truth(): bool {
    const c = this.peek();
    if (c == 0x74 && this.word("true")) return true;
    if (c != 0x66 || !this.word("false")) this.wrong("true or false");
    return false;
  }

  texts(): Array<string> {
    const out = new Array<string>();
    if (this.begin("[")) while (this.more("]")) out.push(this.text());
    return out;
  }

  /** What comes next: its first byte. */
  kind(): u32 {
    return this.peek();
  }
}

/** Whether a text is a whole number of at most 18 digits. */
export function isWhole(s: string): bool {
  const from = s.startsWith("-") ? 1 : 0;
  if (s.length == from || s.length - from > 18) return false;
  for (let i = from; i < s.length; i++) {
    if (s.charCodeAt(i) < 0x30 || s.charCodeAt(i) > 0x39) return false;
  }
  return true;
}

export enum Kind { Null, Bool, Number, Text, List, Object }

/** JSON of any form. Numbers stay as they are written, so that none is rounded. */
export class Value {
  kind: Kind = Kind.Null;
  /** Of a text or a number. */
  text: string = "";
  truth: bool = false;
  /** Of an array, or of an object in the order of its keys. */
  list: Array<Value> = [];
  keys: Array<string> = [];

  static parse(s: string): Value {
    const b = String.UTF8.encode(s);
    const r = new Reader(changetype<usize>(b), changetype<usize>(b) + b.byteLength);
    const v = Value.read(r);
    r.done();
    return v;
  }

  static read(r: Reader): Value {
    const v = new Value();
    switch (r.kind()) {
      case 0x7b:
        v.kind = Kind.Object;
        r.begin("{");
        while (r.more("}")) {
          v.keys.push(r.key());
          v.list.push(Value.read(r));
        }
        break;
      case 0x5b:
        v.kind = Kind.List;
        r.begin("[");
        while (r.more("]")) v.list.push(Value.read(r));
        break;
      case 0x22:
        v.kind = Kind.Text;
        v.text = r.text();
        break;
      case 0x74:
      case 0x66:
        v.kind = Kind.Bool;
        v.truth = r.truth();
        break;
      default:
        if (r.skipNull()) break;
        v.kind = Kind.Number;
        v.text = r.literal();
    }
    return v;
  }

  /** The value of a key; a null where there is none, so that calls can be chained. */
  get(key: string): Value {
    const i = this.kind == Kind.Object ? this.keys.indexOf(key) : -1;
    return i < 0 ? new Value() : this.list[i];
  }

  /** A whole number; anything else fails the call. */
  whole(): i64 {
    if (!isWhole(this.text)) fail("JSON: want a whole number");
    return I64.parseInt(this.text);
  }
}

/** Writes JSON. */
export class Writer {
  private parts: Array<string> = [];
  private comma: bool = false;

  done(): ArrayBuffer {
    return String.UTF8.encode(this.parts.join(""));
  }

  private sep(): void {
    if (this.comma) this.parts.push(",");
    this.comma = true;
  }

  begin(open: string): void {
    this.sep();
    this.parts.push(open);
    this.comma = false;
  }

  end(close: string): void {
    this.parts.push(close);
    this.comma = true;
  }

  key(k: string): void {
    this.text(k);
    this.parts.push(":");
    this.comma = false;
  }

  text(s: string): void {
    this.sep();
    this.parts.push('"');
    let from = 0;
    for (let i = 0; i < s.length; i++) {
      const c = s.charCodeAt(i);
      let put: string;
      if (c == 0x22) put = '\\"';
      else if (c == 0x5c) put = "\\\\";
      else if (c < 0x20) put = "\\u00" + (c < 0x10 ? "0" : "") + c.toString(16);
      else if (c >= 0xd800 && c < 0xe000) {
        // Half a character has no UTF-8.
        const pair = c < 0xdc00 && i + 1 < s.length && (s.charCodeAt(i + 1) & 0xfc00) == 0xdc00;
        if (pair) {
          i++;
          continue;
        }
        put = "\ufffd";
      } else continue;
      if (i > from) this.parts.push(s.substring(from, i));
      this.parts.push(put);
      from = i + 1;
    }
    this.parts.push(from == 0 ? s : s.substring(from));
    this.parts.push('"');
  }

  truth(v: bool): void {
    this.sep();
    this.parts.push(v ? "true" : "false");
  }

  whole(v: i64): void {
    this.sep();
    this.parts.push(v.toString());
  }

  number(v: f64): void {
    if (!isFinite(v)) fail("JSON has no such number");
    this.sep();
    const s = v.toString();
    this.parts.push(s.endsWith(".0") ? s.substring(0, s.length - 2) : s);
  }
}
