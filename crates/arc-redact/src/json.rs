//! Rewrites the texts of a JSON document in place; everything else stays as it is, byte by byte.

use std::borrow::Cow;

/// What becomes of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// Another one takes its place.
    Replace(String),
    /// It is left out, with its key.
    Remove,
}

/// Where a text is.
pub struct Place<'a> {
    /// The key of the value, or of the list it is in.
    pub key: &'a str,
    /// Whether it is what somebody said, not an identifier.
    pub is_content: bool,
    /// A number for the keys and positions on the way to it.
    pub path: u64,
}

/// The document is not JSON, or nested too deep.
#[derive(Debug, PartialEq, Eq)]
pub struct NotJson;

const MAX_DEPTH: usize = 256;

/// Keys whose texts identify or classify something.
const IDENTIFIERS: &[&str] = &[
    "code",
    "created_at",
    "detail",
    "done_reason",
    "effort",
    "encoding_format",
    "event",
    "finishReason",
    "finish_reason",
    "id",
    "media_type",
    "mimeType",
    "mime_type",
    "model",
    "modelId",
    "modelVersion",
    "name",
    "native_finish_reason",
    "object",
    "param",
    "provider",
    "reasoning_effort",
    "responseId",
    "role",
    "service_tier",
    "status",
    "stopReason",
    "stop_reason",
    "system_fingerprint",
    "tool_choice",
    "toolUseId",
    "truncation",
    "ttl",
    "type",
    "verbosity",
];

/// Keys of what the program says about itself: definitions of tools and of formats.
const DEFINITIONS: &[&str] = &["functions", "response_format", "toolConfig", "tool_config", "tools"];

/// Keys whose objects are a tool's own: nothing in them is an identifier of ours.
const FREE: &[&str] = &["args", "arguments", "input", "json", "metadata"];

/// Appends `document` to `out` with its texts treated by `visit`.
///
/// Returns a number for what tells the events of a stream apart: their types, indices and the ids of their items.
///
/// # Errors
/// When it is not JSON; `out` then holds a part of it.
pub fn rewrite(
    document: &str,
    is_free: bool,
    out: &mut Vec<u8>,
    visit: &mut dyn FnMut(&Place<'_>, &str) -> Fate,
) -> Result<u64, NotJson> {
    let mut walker = Walker { text: document, at: 0, out, visit, depth: 0, signature: 0 };
    let realm = if is_free { Realm::Free } else { Realm::Open };
    let kept = walker.value("", "", realm, 0)?;
    walker.space();
    if walker.at < document.len() {
        return Err(NotJson);
    }
    if !kept {
        walker.out.extend_from_slice(b"null");
    }
    Ok(walker.signature)
}

/// Appends a text in quotes.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        let (plain, special) = rest.split_at(place);
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0') as u8;
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(other >> 4), digit(other & 15)]);
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Realm {
    /// A provider's structure: keys tell.
    Open,
    /// Content whatever the key.
    Free,
    /// No content.
    Definitions,
}

struct Walker<'d, 'o, 'v> {
    text: &'d str,
    at: usize,
    out: &'o mut Vec<u8>,
    visit: &'v mut dyn FnMut(&Place<'_>, &str) -> Fate,
    depth: usize,
    signature: u64,
}

impl<'d> Walker<'d, '_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Writes a value; returns whether there is something left of it.
    fn value(&mut self, key: &str, above: &str, realm: Realm, path: u64) -> Result<bool, NotJson> {
        self.space();
        match self.peek().ok_or(NotJson)? {
            b'{' => self.nested(|walker| walker.object(key, above, realm, path)),
            b'[' => self.nested(|walker| walker.list(key, above, realm, path)),
            b'"' => {
                let (raw, text) = self.string()?;
                if matches!(key, "type" | "item_id" | "event") {
                    self.signature = mix(mix(self.signature, &path.to_le_bytes()), text.as_bytes());
                }
                let is_identifier = realm == Realm::Open && (IDENTIFIERS.contains(&key) || key.ends_with("_id"));
                let place = Place { key, is_content: realm != Realm::Definitions && !is_identifier, path };
                match (self.visit)(&place, &text) {
                    Fate::Keep => self.out.extend_from_slice(raw.as_bytes()),
                    Fate::Replace(other) => quote(&other, self.out),
                    Fate::Remove => return Ok(false),
                }
                Ok(true)
            }
            _ => {
                let token = self.scalar()?;
                if key.ends_with("index") {
                    self.signature = mix(mix(self.signature, &path.to_le_bytes()), token.as_bytes());
                }
                Ok(true)
            }
        }
    }

    fn nested(&mut self, walk: impl FnOnce(&mut Self) -> Result<bool, NotJson>) -> Result<bool, NotJson> {
        if self.depth >= MAX_DEPTH {
            return Err(NotJson);
        }
        self.depth += 1;
        self.at += 1;
        let kept = walk(self);
        self.depth -= 1;
        kept
    }

    fn object(&mut self, own_key: &str, above: &str, realm: Realm, path: u64) -> Result<bool, NotJson> {
        let is_response_of_a_tool = own_key == "response" && matches!(above, "functionResponse" | "function_response");
        let realm = if realm == Realm::Open && (FREE.contains(&own_key) || is_response_of_a_tool) {
            Realm::Free
        } else {
            realm
        };
        let before = self.out.len();
        let (mut found, mut kept_any) = (false, false);
        self.out.push(b'{');
        loop {
            self.space();
            if self.peek() == Some(b'}') && !found {
                break;
            }
            let start = self.out.len();
            if kept_any {
                self.out.push(b',');
            }
            let (raw, key) = self.string()?;
            self.out.extend_from_slice(raw.as_bytes());
            self.space();
            if self.peek() != Some(b':') {
                return Err(NotJson);
            }
            self.at += 1;
            self.out.push(b':');
            let inner = if realm == Realm::Open && DEFINITIONS.contains(&&*key) { Realm::Definitions } else { realm };
            if self.value(&key, own_key, inner, mix(path, key.as_bytes()))? {
                kept_any = true;
            } else {
                self.out.truncate(start);
            }
            found = true;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(NotJson),
            }
        }
        self.at += 1;
        self.out.push(b'}');
        // Arguments of which nothing is left are not known; they are not empty.
        if found && !kept_any && realm == Realm::Free {
            self.out.truncate(before);
            return Ok(false);
        }
        Ok(true)
    }

    fn list(&mut self, key: &str, above: &str, realm: Realm, path: u64) -> Result<bool, NotJson> {
        self.out.push(b'[');
        let (mut index, mut kept_any) = (0_u64, false);
        loop {
            self.space();
            if self.peek() == Some(b']') && index == 0 {
                break;
            }
            let start = self.out.len();
            if kept_any {
                self.out.push(b',');
            }
            if self.value(key, above, realm, mix(path, &index.to_le_bytes()))? {
                kept_any = true;
            } else {
                self.out.truncate(start);
            }
            index += 1;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(NotJson),
            }
        }
        self.at += 1;
        self.out.push(b']');
        Ok(true)
    }

    fn scalar(&mut self) -> Result<&'d str, NotJson> {
        let rest = self.text.get(self.at..).ok_or(NotJson)?;
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).unwrap_or(rest.len());
        let token = rest.get(..end).ok_or(NotJson)?;
        let is_number = token.starts_with(|c: char| c.is_ascii_digit() || c == '-') && token.parse::<f64>().is_ok();
        if !is_number && !matches!(token, "true" | "false" | "null") {
            return Err(NotJson);
        }
        self.at += end;
        self.out.extend_from_slice(token.as_bytes());
        Ok(token)
    }

    /// Reads a string: with its quotes, and what it says.
    fn string(&mut self) -> Result<(&'d str, Cow<'d, str>), NotJson> {
        if self.peek() != Some(b'"') {
            return Err(NotJson);
        }
        let rest = self.text.get(self.at + 1..).ok_or(NotJson)?;
        let mut escaped = false;
        let mut is_plain = true;
        for (place, byte) in rest.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => (escaped, is_plain) = (true, false),
                b'"' => {
                    let raw = self.text.get(self.at..self.at + place + 2).ok_or(NotJson)?;
                    let inner = rest.get(..place).ok_or(NotJson)?;
                    self.at += place + 2;
                    return Ok((raw, if is_plain { Cow::Borrowed(inner) } else { Cow::Owned(unescaped(inner)?) }));
                }
                0..0x20 => return Err(NotJson),
                _ => {}
            }
        }
        Err(NotJson)
    }
}

fn unescaped(text: &str) -> Result<String, NotJson> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = after.chars();
        let decoded = match characters.next().ok_or(NotJson)? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let high = hex4(characters.as_str())?;
                characters = characters.as_str().get(4..).ok_or(NotJson)?.chars();
                let low = characters.as_str().strip_prefix("\\u").and_then(|after| hex4(after).ok());
                match low {
                    Some(low @ 0xdc00..0xe000) if (0xd800..0xdc00).contains(&high) => {
                        characters = characters.as_str().get(6..).ok_or(NotJson)?.chars();
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}')
                    }
                    _ => char::from_u32(high).unwrap_or('\u{fffd}'),
                }
            }
            same @ ('"' | '\\' | '/') => same,
            _ => return Err(NotJson),
        };
        out.push(decoded);
        rest = characters.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

fn hex4(text: &str) -> Result<u32, NotJson> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or(NotJson)?;
    u32::from_str_radix(digits, 16).map_err(|_| NotJson)
}

/// FNV-1a.
pub(crate) fn mix(mut path: u64, bytes: &[u8]) -> u64 {
    for byte in bytes.iter().chain(&[0xff]) {
        path = (path ^ 0xcbf2_9ce4_8422_2325 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    path
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
