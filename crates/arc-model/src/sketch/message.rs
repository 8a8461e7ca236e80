//! Messages: `user "find me a flight"`, `"text" search{q: "x"}#call_1`, `tool #call_1=[]`.

use super::{
    SketchError,
    cursor::{Cursor, is_plain_word},
    print::{self, Style},
};
use crate::{Message, Part, Payload, Role};

/// Takes a message; without a role it is the model's, where `needs_role` allows that.
pub(super) fn read(cursor: &mut Cursor<'_>, needs_role: bool) -> Result<Message, SketchError> {
    cursor.skip_space();
    let role = read_role(cursor)?;
    let (role, name) = match role {
        Some(role) => role,
        None if needs_role => return cursor.fail("a role: `user`, `system`, `assistant`, `tool`"),
        None => (Role::Assistant, None),
    };
    let mut parts = Vec::new();
    loop {
        cursor.skip_space();
        match read_part(cursor)? {
            Some(part) => parts.push(part),
            None => return Ok(Message { role, name, parts }),
        }
    }
}

fn read_role(cursor: &mut Cursor<'_>) -> Result<Option<(Role, Option<String>)>, SketchError> {
    let before = *cursor;
    let mut ahead = *cursor;
    let quoted = cursor.peek() == Some('"');
    let is_no_role = !quoted && (ahead.word().is_empty() || matches!(ahead.peek(), Some('{' | '(')));
    if is_no_role {
        return Ok(None);
    }
    let text = if quoted { cursor.text()? } else { cursor.plain_word().to_owned() };
    let named = cursor.eat(":");
    if quoted && !named {
        *cursor = before;
        return Ok(None);
    }
    let role = [Role::System, Role::User, Role::Assistant, Role::Tool].into_iter().find(|role| role.as_str() == text);
    let name = match cursor.peek() {
        Some(c) if named && !c.is_whitespace() => Some(cursor.name()?),
        _ => None,
    };
    Ok(Some((role.unwrap_or(Role::Other(text)), name)))
}

fn read_part(cursor: &mut Cursor<'_>) -> Result<Option<Part>, SketchError> {
    let before = *cursor;
    if cursor.eat("~") {
        return Ok(Some(Part::Reasoning { text: cursor.text()? }));
    }
    if cursor.eat("?") {
        return Ok(Some(Part::Other { value: cursor.json()? }));
    }
    if cursor.eat("&") {
        let first = cursor.text()?;
        return Ok(Some(if cursor.peek() == Some('"') {
            Part::Media { mime_type: Some(first), reference: cursor.text()? }
        } else {
            Part::Media { mime_type: None, reference: first }
        }));
    }
    if cursor.eat("#") {
        let id = if cursor.peek() == Some('=') { None } else { Some(cursor.name()?) };
        if cursor.eat("=") {
            return Ok(Some(Part::ToolResult { id, result: cursor.payload()? }));
        }
        *cursor = before;
        return Ok(None);
    }
    let quoted = cursor.peek() == Some('"');
    let name = if quoted { cursor.text()? } else { cursor.word().to_owned() };
    let arguments = match cursor.peek() {
        Some('{') => cursor.json().map(Payload::Json)?,
        Some('(') => {
            cursor.eat("(");
            let arguments = cursor.payload()?;
            if !cursor.eat(")") {
                return cursor.fail("`)`");
            }
            arguments
        }
        _ if quoted => return Ok(Some(Part::Text { text: name })),
        _ => {
            *cursor = before;
            return Ok(None);
        }
    };
    let id = if cursor.eat("#") { Some(cursor.name()?) } else { None };
    Ok(Some(Part::ToolCall { id, name, arguments }))
}

/// Prints what follows the arrow.
pub(super) fn write(message: &Message, needs_role: bool, style: Style) -> String {
    let mut pieces = Vec::new();
    let is_default = message.role == Role::Assistant && message.name.is_none() && !message.parts.is_empty();
    if needs_role || !is_default {
        let role = message.role.as_str();
        let plain = is_plain_word(role);
        let role = if plain { role.to_owned() } else { print::quoted(role) };
        pieces.push(match &message.name {
            Some(name) => format!("{role}:{}", print::name(name)),
            None if plain => role,
            None => format!("{role}:"),
        });
    }
    pieces.extend(message.parts.iter().map(|part| write_part(part, style)));
    pieces.join(" ")
}

fn write_part(part: &Part, style: Style) -> String {
    let suffix = |id: &Option<String>| id.as_ref().map_or_else(String::new, |id| format!("#{}", print::name(id)));
    match part {
        Part::Text { text } => style.text(text),
        Part::Reasoning { text } => format!("~{}", style.text(text)),
        Part::Other { value } => format!("?{}", style.json(value)),
        Part::Media { mime_type: Some(mime_type), reference } => {
            format!("&{}{}", print::quoted(mime_type), style.text(reference))
        }
        Part::Media { mime_type: None, reference } => format!("&{}", style.text(reference)),
        Part::ToolCall { id, name, arguments } => {
            let arguments = match arguments {
                Payload::Json(value @ crate::Json::Object(_)) => style.json(value),
                other => format!("({})", style.payload(other)),
            };
            format!("{}{arguments}{}", print::name(name), suffix(id))
        }
        Part::ToolResult { id, result } => {
            let id = id.as_ref().map_or_else(String::new, |id| print::name(id));
            format!("#{id}={}", style.payload(result))
        }
    }
}
