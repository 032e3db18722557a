//! Every bound, with its reason.
//!
//! Together they make a policy file cheap to load, whoever wrote it, and an
//! evaluation cheap to run, whatever a finding holds.

/// Bytes of a policy file. A thousand policies with descriptions are a third of it.
pub const FILE_BYTES: usize = 1 << 20;

/// Policies in a file. More than anybody looks after.
pub const POLICIES: usize = 1000;

/// Characters of a title; it is a line in reports.
pub const TITLE_CHARS: usize = 200;

/// Characters of a policy's id; it is a word in reports.
pub const ID_CHARS: usize = 64;

/// Bytes of a condition. What needs more is several policies.
pub const CONDITION_BYTES: usize = 2048;

/// Opening brackets in a condition, those in texts included: what the parser's
/// stack is made for.
pub const CONDITION_BRACKETS: usize = 64;

/// How deep the parts of a condition are nested.
pub const CONDITION_DEPTH: usize = 64;

/// Steps that an evaluation may take at most, reckoned with the longest lists
/// when a file is loaded. Some tens of milliseconds.
pub const CONDITION_STEPS: u64 = 1_000_000;

/// Elements of a list that a condition reads. Of a longer one, an evaluation
/// says that it is too long.
pub const LIST: usize = 256;

/// Bytes of a text that a condition reads, which is the longest path of most
/// systems. Of a longer one, an evaluation says that it is too long.
pub const TEXT: usize = 4096;

/// Steps that looking through a text counts for.
pub const TEXT_STEPS: u64 = 16;

/// Patterns in a list of a scope.
pub const PATTERNS: usize = 256;

/// Bytes of a pattern of a scope. The names that it is held against are shorter.
pub const SCOPE_PATTERN_BYTES: usize = 1024;

/// Opening brackets in a pattern of a scope: each may be a level of recursion of
/// the crate that compiles it, and a repetition of what is inside.
pub const SCOPE_PATTERN_BRACKETS: usize = 32;

/// Bytes that a compiled regular expression may take.
pub const PATTERN_BYTES: usize = 1 << 18;

/// Stack of the thread that parses a condition: the parser needs more than 100 KiB
/// for a pair of brackets where it is built without optimization.
pub(crate) const PARSER_STACK: usize = 32 << 20;
