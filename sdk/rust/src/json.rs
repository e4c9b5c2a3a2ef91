//! JSON (RFC 8259), as far as hooks need it: a reader without a tree for the
//! types, a tree for events of any form, and a writer.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Why a call fails, for the plugin's author: name no customers.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(pub String);

impl From<&str> for Error {
    fn from(s: &str) -> Self {
        Error(s.to_string())
    }
}

impl From<String> for Error {
    fn from(s: String) -> Self {
        Error(s)
    }
}

type Result<T> = std::result::Result<T, Error>;

const DEEPEST: usize = 64;

/// Reads JSON from UTF-8.
pub struct Reader<'a> {
    text: &'a str,
    b: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Begins to read; an error if it is not UTF-8.
    pub fn new(b: &'a [u8]) -> Result<Self> {
        let text = std::str::from_utf8(b).map_err(|_| Error::from("JSON: not UTF-8"))?;
        Ok(Reader { text, b, at: 0, depth: 0 })
    }

    fn wrong<T>(&self, what: &str) -> Result<T> {
        Err(Error(format!("JSON: want {} at byte {}", what, self.at)))
    }

    fn peek(&mut self) -> u8 {
        while self.at < self.b.len() {
            match self.b[self.at] {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                c => return c,
            }
        }
        0
    }

    fn word(&mut self, w: &str) -> bool {
        let is = self.b[self.at..].starts_with(w.as_bytes());
        if is {
            self.at += w.len();
        }
        is
    }

    fn next(&mut self, c: u8) -> bool {
        let is = self.peek() == c;
        if is {
            self.at += 1;
        }
        is
    }

    /// Reads the one value that the text is.
    pub fn whole<T: Decode>(&mut self) -> Result<T> {
        let v = T::decode(self)?;
        match self.peek() {
            0 if self.at == self.b.len() => Ok(v),
            _ => self.wrong("the end"),
        }
    }

    /// Reads a value; null is the same as nothing.
    pub fn value<T: Decode + Default>(&mut self) -> Result<T> {
        if self.peek() == b'n' && self.word("null") {
            return Ok(T::default());
        }
        T::decode(self)
    }

    /// Reads an object; `f` reads the value of each key.
    pub fn object(&mut self, f: &mut dyn FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        if !self.next(b'{') {
            return self.wrong("an object");
        }
        self.enter()?;
        if !self.next(b'}') {
            loop {
                self.peek();
                let key = self.text()?;
                if !self.next(b':') {
                    return self.wrong("a colon");
                }
                f(self, &key)?;
                if self.next(b'}') {
                    break;
                }
                if !self.next(b',') {
                    return self.wrong("a comma or }");
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array; `f` reads each value.
    pub fn array(&mut self, f: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if !self.next(b'[') {
            return self.wrong("an array");
        }
        self.enter()?;
        if !self.next(b']') {
            loop {
                f(self)?;
                if self.next(b']') {
                    break;
                }
                if !self.next(b',') {
                    return self.wrong("a comma or ]");
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.wrong("less depth");
        }
        Ok(())
    }

    /// Reads a text, which is borrowed where it has no escapes.
    pub fn text(&mut self) -> Result<Cow<'a, str>> {
        if !self.next(b'"') {
            return self.wrong("a text");
        }
        let (whole, b) = (self.text, self.b);
        let mut from = self.at;
        let mut out = String::new();
        loop {
            match b.get(self.at) {
                Some(b'"') => {
                    let part = &whole[from..self.at];
                    self.at += 1;
                    if out.is_empty() {
                        return Ok(Cow::Borrowed(part));
                    }
                    out.push_str(part);
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    out.push_str(&whole[from..self.at]);
                    self.at += 1;
                    let c = self.escape()?;
                    out.push(c);
                    from = self.at;
                }
                Some(c) if *c >= 0x20 => self.at += 1,
                _ => return self.wrong("a quotation mark"),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let c = self.b.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        Ok(match c {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex()?;
                if (0xd800..0xdc00).contains(&high) && self.word("\\u") {
                    let low = self.hex()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return self.wrong("the second half of a character");
                    }
                    return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(|| "JSON: no such character".into());
                }
                match char::from_u32(high) {
                    Some(c) => c,
                    None => return self.wrong("a whole character"),
                }
            }
            _ => return self.wrong("an escape"),
        })
    }

    fn hex(&mut self) -> Result<u32> {
        let mut n = 0;
        for _ in 0..4 {
            let c = self.b.get(self.at).copied().unwrap_or(0) as char;
            match c.to_digit(16) {
                Some(d) => n = n << 4 | d,
                None => return self.wrong("four hexadecimal digits"),
            }
            self.at += 1;
        }
        Ok(n)
    }

    /// Reads a number as it is written.
    pub fn number(&mut self) -> Result<&'a str> {
        self.peek();
        let from = self.at;
        self.skip(b'-');
        match self.digits() {
            0 => return self.wrong("a number"),
            n if n > 1 && self.b[self.at - n] == b'0' => return self.wrong("a number without a leading zero"),
            _ => {}
        }
        if self.skip(b'.') && self.digits() == 0 {
            return self.wrong("a digit");
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            if self.digits() == 0 {
                return self.wrong("a digit");
            }
        }
        Ok(&self.text[from..self.at])
    }

    fn skip(&mut self, c: u8) -> bool {
        let is = self.b.get(self.at) == Some(&c);
        if is {
            self.at += 1;
        }
        is
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.at < self.b.len() && self.b[self.at].is_ascii_digit() {
            self.at += 1;
        }
        self.at - from
    }
}

/// What can be read from JSON.
pub trait Decode: Sized {
    /// Reads one value.
    fn decode(r: &mut Reader) -> Result<Self>;
}

impl Decode for String {
    fn decode(r: &mut Reader) -> Result<Self> {
        Ok(r.text()?.into_owned())
    }
}

impl Decode for bool {
    fn decode(r: &mut Reader) -> Result<Self> {
        match r.peek() {
            b't' if r.word("true") => Ok(true),
            b'f' if r.word("false") => Ok(false),
            _ => r.wrong("true or false"),
        }
    }
}

impl Decode for i64 {
    fn decode(r: &mut Reader) -> Result<Self> {
        match r.number()?.parse() {
            Ok(n) => Ok(n),
            Err(_) => r.wrong("a whole number"),
        }
    }
}

impl Decode for f64 {
    fn decode(r: &mut Reader) -> Result<Self> {
        match r.number()?.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(n),
            _ => r.wrong("a number within range"),
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(r: &mut Reader) -> Result<Self> {
        Ok(Some(T::decode(r)?))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(r: &mut Reader) -> Result<Self> {
        let mut out = Vec::new();
        r.array(&mut |r| {
            out.push(T::decode(r)?);
            Ok(())
        })?;
        Ok(out)
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(r: &mut Reader) -> Result<Self> {
        let mut out = BTreeMap::new();
        r.object(&mut |r, key| {
            out.insert(key.to_string(), T::decode(r)?);
            Ok(())
        })?;
        Ok(out)
    }
}

/// JSON of any form. Numbers stay as they are written, so that none is rounded.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

static NULL: Value = Value::Null;

impl Value {
    /// Reads a text of JSON.
    pub fn parse(s: &str) -> Result<Value> {
        Reader::new(s.as_bytes())?.whole()
    }

    /// The value of a key, null where there is none.
    pub fn get(&self, key: &str) -> &Value {
        match self {
            Value::Object(o) => o.iter().find(|(k, _)| k == key).map_or(&NULL, |(_, v)| v),
            _ => &NULL,
        }
    }

    /// The values of an array, none of anything else.
    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(l) => l,
            _ => &[],
        }
    }

    /// A text, or a number as it is written; else empty.
    pub fn text(&self) -> &str {
        match self {
            Value::Text(s) | Value::Number(s) => s,
            _ => "",
        }
    }

    /// A whole number.
    pub fn whole(&self) -> Option<i64> {
        self.text().parse().ok()
    }

    /// A number.
    pub fn number(&self) -> Option<f64> {
        self.text().parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// Whether it is true.
    pub fn truth(&self) -> bool {
        matches!(self, Value::Bool(true))
    }
}

impl Decode for Value {
    fn decode(r: &mut Reader) -> Result<Self> {
        Ok(match r.peek() {
            b'{' => {
                let mut out = Vec::new();
                r.object(&mut |r, key| {
                    out.push((key.to_string(), Value::decode(r)?));
                    Ok(())
                })?;
                Value::Object(out)
            }
            b'[' => Value::List(Vec::decode(r)?),
            b'"' => Value::Text(String::decode(r)?),
            b't' | b'f' => Value::Bool(bool::decode(r)?),
            b'n' if r.word("null") => Value::Null,
            _ => Value::Number(r.number()?.to_string()),
        })
    }
}

/// Writes JSON.
pub struct Writer {
    out: Vec<u8>,
    comma: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// Begins with nothing.
    pub fn new() -> Self {
        Writer { out: Vec::with_capacity(1024), comma: false }
    }

    /// What was written.
    pub fn done(self) -> Vec<u8> {
        self.out
    }

    /// Writes `{` or `[`.
    pub fn begin(&mut self, c: u8) {
        self.next();
        self.out.push(c);
        self.comma = false;
    }

    /// Writes `}` or `]`.
    pub fn end(&mut self, c: u8) {
        self.out.push(c);
        self.comma = true;
    }

    fn next(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// Writes a key.
    pub fn key(&mut self, k: &str) {
        self.text(k);
        self.out.push(b':');
        self.comma = false;
    }

    /// Writes a text.
    pub fn text(&mut self, s: &str) {
        self.next();
        self.out.push(b'"');
        let b = s.as_bytes();
        let mut from = 0;
        for (i, &c) in b.iter().enumerate() {
            if c >= 0x20 && c != b'"' && c != b'\\' {
                continue;
            }
            self.out.extend_from_slice(&b[from..i]);
            from = i + 1;
            match c {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', c]),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                _ => {
                    const HEX: &[u8] = b"0123456789abcdef";
                    self.out.extend_from_slice(b"\\u00");
                    self.out.extend_from_slice(&[HEX[(c >> 4) as usize], HEX[(c & 15) as usize]]);
                }
            }
        }
        self.out.extend_from_slice(&b[from..]);
        self.out.push(b'"');
    }

    /// Writes what stands for itself: a number, true.
    pub fn raw(&mut self, s: &str) {
        self.next();
        self.out.extend_from_slice(s.as_bytes());
    }
}

/// What can be written as JSON.
pub trait Encode {
    /// Writes one value.
    fn encode(&self, w: &mut Writer);
    /// Whether it is left out where it may be.
    fn unknown(&self) -> bool {
        false
    }
}

impl Encode for String {
    fn encode(&self, w: &mut Writer) {
        w.text(self)
    }
    fn unknown(&self) -> bool {
        self.is_empty()
    }
}

impl Encode for bool {
    fn encode(&self, w: &mut Writer) {
        w.raw(if *self { "true" } else { "false" })
    }
    fn unknown(&self) -> bool {
        !self
    }
}

impl Encode for i64 {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.to_string())
    }
}

impl Encode for f64 {
    fn encode(&self, w: &mut Writer) {
        assert!(self.is_finite(), "JSON has no such number: {}", self);
        w.raw(&self.to_string())
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, w: &mut Writer) {
        match self {
            Some(v) => v.encode(w),
            None => w.raw("null"),
        }
    }
    fn unknown(&self) -> bool {
        self.is_none()
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, w: &mut Writer) {
        w.begin(b'[');
        for v in self {
            v.encode(w);
        }
        w.end(b']');
    }
    fn unknown(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Encode> Encode for BTreeMap<String, T> {
    fn encode(&self, w: &mut Writer) {
        w.begin(b'{');
        for (k, v) in self {
            w.key(k);
            v.encode(w);
        }
        w.end(b'}');
    }
    fn unknown(&self) -> bool {
        self.is_empty()
    }
}
