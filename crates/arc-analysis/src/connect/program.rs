//! One Python source file: what it imports, which calls it makes, and what becomes of their results.
//!
//! Names are followed through imports and assignments of one name to one value, in the order of the
//! source and regardless of scopes: enough to say what `graph.compile()` is, without running anything.

use std::collections::BTreeMap;

use tree_sitter::{Node, Parser};

use super::Edit;

/// The deepest nesting that is followed; deeper source is not looked at.
const MAX_DEPTH: usize = 400;

/// A source file, read.
pub(super) struct Program<'a> {
    source: &'a str,
    /// How its lines end.
    pub(super) line_break: &'static str,
    /// Whether parts of it could not be parsed.
    pub(super) has_errors: bool,
    imports: Vec<Import>,
    /// Where an import may be added: the byte, and whether a line stands before it.
    import_place: usize,
    /// Its functions, outermost first.
    pub(super) functions: Vec<Function>,
    /// Its calls, in the order of the source.
    pub(super) calls: Vec<Call>,
    /// What names stand for: a dotted path.
    names: BTreeMap<String, String>,
}

/// A module that is imported.
pub(super) struct Import {
    module: String,
    pub(super) line: usize,
}

/// A function or method that is in no other function.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    /// Its first byte, after the decorators.
    pub(super) start: usize,
    pub(super) indent: String,
    /// The last names of everything it calls.
    pub(super) calls: Vec<String>,
}

/// A call.
pub(super) struct Call {
    /// What is called, as far as the file shows: `langgraph.prebuilt.create_react_agent`.
    pub(super) path: Option<String>,
    /// What is called, as it is written.
    pub(super) text: String,
    pub(super) line: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The function it is in, if any.
    pub(super) function: Option<usize>,
    /// The name that is its first argument.
    pub(super) first_argument: Option<String>,
    /// Every name in its arguments.
    arguments: Vec<String>,
    pub(super) used: Use,
}

/// What becomes of the value of a call.
pub(super) enum Use {
    /// It gets a name.
    Assigned { name: String, statement_end: usize, indent: String },
    /// It is part of something larger.
    Inside,
}

impl Call {
    /// Returns whether it is made to be a part of another call's result.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        let within = other.start < self.start && self.end <= other.end;
        let named = match &self.used {
            Use::Assigned { name, .. } => other.start != self.start && other.arguments.iter().any(|used| used == name),
            Use::Inside => false,
        };
        within || named
    }

    /// Returns whether its result has this name.
    pub(super) fn is_kept_as(&self, wanted: &str) -> bool {
        matches!(&self.used, Use::Assigned { name, .. } if name == wanted)
    }

    /// Returns the last name of what is called.
    pub(super) fn short_name(&self) -> &str {
        self.text.rsplit('.').next().unwrap_or(&self.text)
    }
}

impl<'a> Program<'a> {
    /// Reads a source file; `None` when the parser gives nothing at all.
    pub(super) fn read(source: &'a str) -> Option<Self> {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_python::LANGUAGE.into()).ok()?;
        let tree = parser.parse(source, None)?;
        let root = tree.root_node();
        let mut program = Self {
            source,
            line_break: if source.contains("\r\n") { "\r\n" } else { "\n" },
            has_errors: root.has_error(),
            imports: Vec::new(),
            import_place: 0,
            functions: Vec::new(),
            calls: Vec::new(),
            names: BTreeMap::new(),
        };
        program.import_place = program.place_for_import(root);
        program.walk(root, None, 0);
        program.calls.sort_by_key(|call| (call.start, std::cmp::Reverse(call.end)));
        Some(program)
    }

    /// Returns the import of a package or of one of its modules.
    pub(super) fn import_of(&self, package: &str) -> Option<&Import> {
        self.imports.iter().find(|import| {
            import.module == package || import.module.strip_prefix(package).is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// Returns the edit that imports what the others use.
    pub(super) fn import_edit(&self) -> Edit {
        let line = "from agent_eval.trace import trace_agent";
        let before = self.source.get(..self.import_place).unwrap_or_default();
        let text = if before.is_empty() || before.ends_with('\n') {
            format!("{line}{}", self.line_break)
        } else {
            format!("{}{line}", self.line_break)
        };
        Edit::insertion(self.import_place, text)
    }

    /// After the last import at the top level, else after the docstring, else at the top.
    fn place_for_import(&self, root: Node<'_>) -> usize {
        let mut cursor = root.walk();
        let mut place = None;
        for (index, child) in root.named_children(&mut cursor).enumerate() {
            let is_import =
                matches!(child.kind(), "import_statement" | "import_from_statement" | "future_import_statement");
            let is_docstring = index == 0
                && child.kind() == "expression_statement"
                && child.named_child(0).is_some_and(|value| value.kind() == "string");
            if is_import || is_docstring {
                place = Some(child.end_byte());
            }
        }
        let Some(end) = place else { return self.after_first_comments() };
        let rest = self.source.get(end..).unwrap_or_default();
        rest.find('\n').map_or(self.source.len(), |line_end| end + line_end + 1)
    }

    /// A `#!` line and an encoding have to stay first.
    fn after_first_comments(&self) -> usize {
        self.source.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum()
    }

    fn walk(&mut self, node: Node<'_>, function: Option<usize>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let mut inner = function;
        match node.kind() {
            "import_statement" => self.read_import(node),
            "import_from_statement" => self.read_import_from(node),
            "function_definition" if function.is_none() => inner = self.read_function(node),
            "call" => self.read_call(node, function),
            _ => {}
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.walk(child, inner, depth + 1);
        }
        // After its value was read: a name stands for what it was assigned last.
        if node.kind() == "assignment" {
            self.read_assignment(node);
        }
    }

    fn read_import(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        for name in node.children_by_field_name("name", &mut cursor) {
            let (module, alias) = self.module_and_alias(name);
            // `import a.b` makes the name `a` stand for the package `a`.
            let first = module.split('.').next().unwrap_or(&module).to_owned();
            let (known, path) = alias.map_or((first.clone(), first), |alias| (alias, module.clone()));
            self.names.insert(known, path);
            self.imports.push(Import { module, line: line(node) });
        }
    }

    fn read_import_from(&mut self, node: Node<'_>) {
        let Some(module) = node.child_by_field_name("module_name") else { return };
        let module = self.text(module).to_owned();
        if module.starts_with('.') {
            return;
        }
        let mut cursor = node.walk();
        for name in node.children_by_field_name("name", &mut cursor) {
            let (name, alias) = self.module_and_alias(name);
            self.names.insert(alias.unwrap_or_else(|| name.clone()), format!("{module}.{name}"));
        }
        self.imports.push(Import { module, line: line(node) });
    }

    fn module_and_alias(&self, node: Node<'_>) -> (String, Option<String>) {
        let field = |name: &str| node.child_by_field_name(name).map(|part| self.text(part).to_owned());
        match node.kind() {
            "aliased_import" => (field("name").unwrap_or_default(), field("alias")),
            _ => (self.text(node).to_owned(), None),
        }
    }

    fn read_function(&mut self, node: Node<'_>) -> Option<usize> {
        let name = self.text(node.child_by_field_name("name")?).to_owned();
        let function =
            Function { name, line: line(node), start: node.start_byte(), indent: self.indent(node), calls: Vec::new() };
        self.functions.push(function);
        Some(self.functions.len() - 1)
    }

    fn read_assignment(&mut self, node: Node<'_>) {
        let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right")) else {
            return;
        };
        if let ("identifier" | "attribute", Some(path)) = (left.kind(), self.path(right, 0)) {
            self.names.insert(self.text(left).to_owned(), path);
        }
    }

    fn read_call(&mut self, node: Node<'_>, function: Option<usize>) {
        let Some(callee) = node.child_by_field_name("function") else { return };
        let text = self.text(callee).to_owned();
        let name = text.rsplit('.').next().unwrap_or(&text).to_owned();
        if let Some(function) = function.and_then(|index| self.functions.get_mut(index)) {
            function.calls.push(name);
        }
        let arguments = node.child_by_field_name("arguments");
        let first = arguments.and_then(|list| list.named_child(0));
        let call = Call {
            path: self.path(callee, 0),
            text,
            line: line(node),
            start: node.start_byte(),
            end: node.end_byte(),
            function,
            first_argument: first.filter(|value| value.kind() == "identifier").map(|value| self.text(value).to_owned()),
            arguments: arguments.map(|list| self.identifiers(list)).unwrap_or_default(),
            used: self.used(node),
        };
        self.calls.push(call);
    }

    fn used(&self, call: Node<'_>) -> Use {
        let value = call.parent().filter(|parent| parent.kind() == "await").unwrap_or(call);
        let assignment = value.parent().filter(|parent| {
            parent.kind() == "assignment" && parent.child_by_field_name("right").is_some_and(|right| right == value)
        });
        let assigned = assignment.and_then(|assignment| {
            let left = assignment.child_by_field_name("left")?;
            // Only a statement of its own: `a = b = f()` and `f(a := …)` have no line to add after.
            let statement = assignment.parent().filter(|parent| parent.kind() == "expression_statement")?;
            let ends_its_line = self.source.get(statement.end_byte()..)?.split('\n').next()?.trim();
            let alone = ends_its_line.is_empty() || ends_its_line.starts_with('#');
            (matches!(left.kind(), "identifier" | "attribute") && alone).then(|| Use::Assigned {
                name: self.text(left).to_owned(),
                statement_end: self.line_end(statement.end_byte()),
                indent: self.indent(statement),
            })
        });
        assigned.unwrap_or(Use::Inside)
    }

    /// Follows a name, attribute or call to the dotted path it stands for.
    fn path(&self, node: Node<'_>, depth: usize) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        match node.kind() {
            "identifier" => self.names.get(self.text(node)).cloned(),
            "attribute" => {
                if let Some(path) = self.names.get(self.text(node)) {
                    return Some(path.clone());
                }
                let object = self.path(node.child_by_field_name("object")?, depth + 1)?;
                Some(format!("{object}.{}", self.text(node.child_by_field_name("attribute")?)))
            }
            "call" => self.path(node.child_by_field_name("function")?, depth + 1),
            "await" | "parenthesized_expression" => self.path(node.named_child(0)?, depth + 1),
            _ => None,
        }
    }

    fn identifiers(&self, node: Node<'_>) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if matches!(node.kind(), "identifier" | "attribute") {
                found.push(self.text(node).to_owned());
            }
            let mut cursor = node.walk();
            open.extend(node.named_children(&mut cursor));
        }
        found
    }

    fn text(&self, node: Node<'_>) -> &'a str {
        self.source.get(node.byte_range()).unwrap_or_default()
    }

    fn indent(&self, node: Node<'_>) -> String {
        let before = self.source.get(..node.start_byte()).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
    }

    /// Returns where the line of a byte ends, before its line break.
    fn line_end(&self, byte: usize) -> usize {
        let rest = self.source.get(byte..).unwrap_or_default();
        byte + rest.split('\n').next().unwrap_or_default().trim_end_matches('\r').len()
    }
}

fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}
