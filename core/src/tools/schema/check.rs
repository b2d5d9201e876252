//! Values against nodes, in bounded depth and steps.

use super::{Applied, Index, InputSchema, Keywords, Lists, MAX_MESSAGE, Node, Numbers, Objects, TYPES, Texts};
use crate::tools::number::{canonical, compare, is_integer, is_multiple, same};
use crate::tools::pattern::MAX_TEXT_BYTES;
use crate::tools::quote::{head, quote};
use serde_json::{Map, Number, Value};
use std::collections::HashSet;

/// The most work for one set of arguments, in schemas applied to values. Honest arguments take one for
/// each of their values; hostile ones end after a fraction of a second.
const MAX_STEPS: u32 = 1_000_000;
/// The most schemas inside each other, references followed.
const MAX_DEPTH: usize = 300;

pub(super) fn check(schema: &InputSchema, arguments: &Map<String, Value>) -> Result<(), String> {
    let mut walk = Walk { schema, steps: MAX_STEPS };
    let result = match &schema.nodes[schema.root] {
        Node::Anything => Ok(()),
        Node::Nothing => refuse("must be nothing at all"),
        Node::Keywords(keywords) => walk.object(keywords, arguments),
    };
    result.map_err(Misfit::message)
}

/// What does not fit, and where: the path is noted on the way out, innermost first.
struct Misfit {
    path: Vec<String>,
    reason: String,
    /// Another alternative cannot help.
    is_final: bool,
}

type Fit = Result<(), Misfit>;

fn refuse(reason: impl Into<String>) -> Fit {
    Err(Misfit { path: Vec::new(), reason: reason.into(), is_final: false })
}

fn give_up(reason: &str) -> Fit {
    Err(Misfit { path: Vec::new(), reason: reason.into(), is_final: true })
}

impl Misfit {
    /// Notes that it lies inside something.
    fn inside(mut self, name: impl FnOnce() -> String) -> Misfit {
        self.path.push(name());
        self
    }

    fn message(self) -> String {
        let path: String = self.path.iter().rev().map(String::as_str).collect();
        let what = match path.trim_start_matches('.') {
            "" => "the arguments".to_owned(),
            path => quote(path),
        };
        head(&format!("{what} {}", self.reason), MAX_MESSAGE).to_owned()
    }
}

struct Walk<'s> {
    schema: &'s InputSchema,
    steps: u32,
}

impl<'s> Walk<'s> {
    fn spend(&mut self, steps: usize) -> Fit {
        match u32::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps)) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => give_up("take too long to check against the schema"),
        }
    }

    /// The arguments themselves, which are an object without being a [`Value`].
    fn object(&mut self, keywords: &'s Keywords, arguments: &Map<String, Value>) -> Fit {
        if let Some(objects) = &keywords.objects {
            self.objects(objects, arguments, 1)?;
        }
        if keywords.applied.is_some() || keywords.choices.is_some() {
            // Rare, so it may cost a copy.
            let value = Value::Object(arguments.clone());
            self.choices(keywords, &value)?;
            if let Some(applied) = &keywords.applied {
                self.applied(applied, &value, 1)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, index: Index, value: &Value, depth: usize) -> Fit {
        self.spend(1)?;
        match &self.schema.nodes[index] {
            Node::Anything => Ok(()),
            Node::Nothing => refuse("must not be given"),
            Node::Keywords(_) if depth > MAX_DEPTH => give_up("lie too deep to check against the schema"),
            Node::Keywords(keywords) => self.keywords(keywords, value, depth),
        }
    }

    fn keywords(&mut self, keywords: &'s Keywords, value: &Value, depth: usize) -> Fit {
        if let Some(types) = keywords.types
            && types & type_bits(value) == 0
        {
            return refuse(format!("must be {}", type_names(types)));
        }
        self.choices(keywords, value)?;
        match value {
            Value::Number(number) => {
                keywords.numbers.as_ref().map_or(Ok(()), |numbers| check_number(numbers, number))?
            }
            Value::String(text) => keywords.texts.as_ref().map_or(Ok(()), |texts| self.text(texts, text))?,
            Value::Array(list) => keywords.lists.as_ref().map_or(Ok(()), |lists| self.list(lists, list, depth))?,
            Value::Object(object) => {
                keywords.objects.as_ref().map_or(Ok(()), |objects| self.objects(objects, object, depth))?;
            }
            Value::Null | Value::Bool(_) => {}
        }
        keywords.applied.as_ref().map_or(Ok(()), |applied| self.applied(applied, value, depth))
    }

    fn choices(&mut self, keywords: &Keywords, value: &Value) -> Fit {
        let Some(choices) = &keywords.choices else { return Ok(()) };
        self.spend(keywords.choices_weight as usize)?;
        if choices.iter().any(|choice| same(choice, value)) {
            return Ok(());
        }
        let mut shown: Vec<String> =
            choices.iter().take(9).map(|choice| head(&choice.to_string(), 40).into()).collect();
        if shown.len() > 8 {
            shown[8] = "…".into();
        }
        refuse(if shown.len() == 1 {
            format!("must be {}", shown[0])
        } else {
            format!("must be one of {}", shown.join(", "))
        })
    }

    fn text(&mut self, texts: &Texts, text: &str) -> Fit {
        self.spend(text.len() / 64)?;
        if texts.min_length.is_some() || texts.max_length.is_some() {
            let length = text.chars().count() as u64;
            at_least(length, texts.min_length, "characters")?;
            at_most(length, texts.max_length, "characters")?;
        }
        if let Some(pattern) = &texts.pattern {
            self.spend(text.len() / 4)?;
            if text.len() > MAX_TEXT_BYTES {
                return refuse("is too long for the pattern that it must match");
            }
            if !pattern.matches(text) {
                return refuse(format!("must match the pattern `{}`", head(pattern.text(), 200)));
            }
        }
        Ok(())
    }

    fn list(&mut self, lists: &Lists, list: &[Value], depth: usize) -> Fit {
        at_least(list.len() as u64, lists.min_items, "items")?;
        at_most(list.len() as u64, lists.max_items, "items")?;
        for (index, value) in list.iter().enumerate() {
            let node = lists.prefix.get(index).copied().or(lists.items);
            if let Some(node) = node {
                self.node(node, value, depth + 1).map_err(|misfit| misfit.inside(|| format!("[{index}]")))?;
            }
        }
        if let Some(contains) = &lists.contains {
            let mut found = 0;
            for value in list {
                found += u64::from(self.fits(contains.node, value, depth + 1)?);
            }
            if found < contains.least || contains.most.is_some_and(|most| found > most) {
                return refuse(format!("holds {found} items of the kind that it must contain"));
            }
        }
        if lists.unique {
            let mut seen = HashSet::new();
            for value in list {
                let mut key = String::new();
                canonical(value, &mut key);
                self.spend(key.len() / 16 + 1)?;
                if !seen.insert(key) {
                    return refuse("must not hold the same item twice");
                }
            }
        }
        Ok(())
    }

    fn objects(&mut self, objects: &'s Objects, object: &Map<String, Value>, depth: usize) -> Fit {
        if let Some(missing) = objects.required.iter().find(|name| !object.contains_key(name.as_str())) {
            return refuse(format!("must have {}", quote(missing)));
        }
        at_least(object.len() as u64, objects.min_properties, "entries")?;
        at_most(object.len() as u64, objects.max_properties, "entries")?;
        for (name, value) in object {
            self.member(objects, name, value, depth)?;
        }
        for (name, needed) in &objects.dependent {
            if object.contains_key(name)
                && let Some(missing) = needed.iter().find(|name| !object.contains_key(name.as_str()))
            {
                return refuse(format!("must have {} beside {}", quote(missing), quote(name)));
            }
        }
        for (name, node) in &objects.dependent_schemas {
            if object.contains_key(name) {
                self.spend(object.len())?;
                self.node(*node, &Value::Object(object.clone()), depth + 1)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, objects: &Objects, name: &str, value: &Value, depth: usize) -> Fit {
        let inside = |misfit: Misfit| misfit.inside(|| format!(".{}", head(name, 64)));
        let mut is_known = false;
        if let Some(node) = objects.properties.get(name) {
            is_known = true;
            self.node(*node, value, depth + 1).map_err(inside)?;
        }
        for (pattern, node) in &objects.patterns {
            self.spend(name.len() / 4 + 1)?;
            if pattern.matches(name) {
                is_known = true;
                self.node(*node, value, depth + 1).map_err(inside)?;
            }
        }
        if let Some(additional) = objects.additional.filter(|_| !is_known) {
            if matches!(self.schema.nodes[additional], Node::Nothing) {
                return refuse(format!("must not have {}", quote(name)));
            }
            self.node(additional, value, depth + 1).map_err(inside)?;
        }
        match objects.names {
            None => Ok(()),
            Some(node) => match self.fits(node, &Value::from(name), depth + 1)? {
                true => Ok(()),
                false => refuse(format!("must not have the name {}", quote(name))),
            },
        }
    }

    fn applied(&mut self, applied: &Applied, value: &Value, depth: usize) -> Fit {
        for node in applied.reference.iter().chain(&applied.all) {
            self.node(*node, value, depth + 1)?;
        }
        if !applied.any.is_empty() {
            self.any(&applied.any, value, depth)?;
        }
        if !applied.one.is_empty() {
            let mut fitting = 0;
            for node in &applied.one {
                fitting += usize::from(self.fits(*node, value, depth + 1)?);
            }
            match fitting {
                0 => self.any(&applied.one, value, depth)?,
                1 => {}
                _ => return refuse("fits more than one of the alternatives"),
            }
        }
        if let Some(node) = applied.not
            && self.fits(node, value, depth + 1)?
        {
            return refuse("has a form that is excluded");
        }
        if let Some((test, then, otherwise)) = applied.condition {
            let branch = if self.fits(test, value, depth + 1)? { then } else { otherwise };
            branch.map_or(Ok(()), |node| self.node(node, value, depth + 1))?;
        }
        Ok(())
    }

    /// Fits if an alternative does; else tells of the one that comes closest.
    fn any(&mut self, alternatives: &[Index], value: &Value, depth: usize) -> Fit {
        let mut closest: Option<Misfit> = None;
        let mut types = 0;
        for node in alternatives {
            match self.node(*node, value, depth + 1) {
                Ok(()) => return Ok(()),
                Err(misfit) if misfit.is_final => return Err(misfit),
                Err(misfit) => {
                    let admitted = self.types_of(*node);
                    types |= admitted.unwrap_or(u8::MAX);
                    let concerns = admitted.is_none_or(|types| types & type_bits(value) != 0);
                    if concerns && closest.as_ref().is_none_or(|closest| misfit.path.len() > closest.path.len()) {
                        closest = Some(misfit);
                    }
                }
            }
        }
        match closest {
            Some(misfit) => Err(misfit),
            None if types == u8::MAX => refuse("fits none of the alternatives"),
            None => refuse(format!("must be {}", type_names(types))),
        }
    }

    fn types_of(&self, node: Index) -> Option<u8> {
        match &self.schema.nodes[node] {
            Node::Keywords(keywords) => keywords.types,
            Node::Anything | Node::Nothing => None,
        }
    }

    /// Whether it fits; an error only where an answer cannot be found.
    fn fits(&mut self, node: Index, value: &Value, depth: usize) -> Result<bool, Misfit> {
        match self.node(node, value, depth) {
            Ok(()) => Ok(true),
            Err(misfit) if misfit.is_final => Err(misfit),
            Err(_) => Ok(false),
        }
    }
}

fn check_number(numbers: &Numbers, number: &Number) -> Fit {
    let Numbers { minimum, maximum, above, below, multiple_of } = numbers;
    if let Some(minimum) = minimum.as_ref().filter(|minimum| compare(number, minimum).is_lt()) {
        return refuse(format!("must be at least {minimum}"));
    }
    if let Some(maximum) = maximum.as_ref().filter(|maximum| compare(number, maximum).is_gt()) {
        return refuse(format!("must be at most {maximum}"));
    }
    if let Some(above) = above.as_ref().filter(|above| compare(number, above).is_le()) {
        return refuse(format!("must be greater than {above}"));
    }
    if let Some(below) = below.as_ref().filter(|below| compare(number, below).is_ge()) {
        return refuse(format!("must be less than {below}"));
    }
    match multiple_of.as_ref().filter(|step| !is_multiple(number, step)) {
        Some(step) => refuse(format!("must be a multiple of {step}")),
        None => Ok(()),
    }
}

fn at_least(count: u64, least: Option<u64>, what: &str) -> Fit {
    match least.filter(|least| count < *least) {
        Some(least) => refuse(format!("must have at least {least} {what}")),
        None => Ok(()),
    }
}

fn at_most(count: u64, most: Option<u64>, what: &str) -> Fit {
    match most.filter(|most| count > *most) {
        Some(most) => refuse(format!("must have at most {most} {what}")),
        None => Ok(()),
    }
}

/// Every type that a value has: an integer is a number too.
fn type_bits(value: &Value) -> u8 {
    match value {
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Number(number) if is_integer(number) => 4 | 8,
        Value::Number(_) => 8,
        Value::String(_) => 16,
        Value::Array(_) => 32,
        Value::Object(_) => 64,
    }
}

fn type_names(types: u8) -> String {
    let names: Vec<&str> = TYPES.iter().filter(|(_, bit, _)| types & bit != 0).map(|(.., name)| *name).collect();
    names.join(" or ")
}
