//! What others write in Markdown: code, lists and links are shown as such, and all
//! else as the text that it is. Scanners write much that only looks like Markdown,
//! such as `__init__` or `**/*.py`: of that no sign is lost.

use host_harness::exports::text as clean;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::parts;

/// How deep lists stand in each other at most.
const DEEPEST: usize = 8;

/// How deep anything stands in anything.
const DEEPEST_OF_ALL: usize = 32;

/// A text of several lines as it was meant.
pub(super) fn shown(text: &str) -> Markup {
    let mut page = Page { source: text, ..Page::default() };
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        page.take(event, &range);
        page.read = page.read.max(range.start);
        if !page.is_within {
            page.read = page.read.max(range.end);
        }
    }
    while let Some(end) = page.open.pop() {
        page.out.push_str(end);
    }
    html! { div.prose.marked { bdi { (PreEscaped(page.out)) } } }
}

#[derive(Default)]
struct Page<'a> {
    source: &'a str,
    out: String,
    /// The ends of what is open; empty of what has none.
    open: Vec<&'static str>,
    /// Lists that are open.
    depth: usize,
    /// Addresses of the links that are open.
    links: Vec<String>,
    /// Up to where the text was read.
    read: usize,
    /// Whether the last event was the begin of something.
    is_within: bool,
}

impl Page<'_> {
    fn take(&mut self, event: Event<'_>, range: &std::ops::Range<usize>) {
        self.is_within = matches!(event, Event::Start(_));
        match event {
            Event::Start(tag) => self.begin(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                // A sign behind it is no reason to leave a backslash out.
                let before = range.start.checked_sub(1).filter(|at| *at >= self.read);
                if before.is_some_and(|at| self.source.as_bytes().get(at) == Some(&b'\\')) {
                    self.out.push('\\');
                }
                self.text(&text);
            }
            Event::Code(text) => self.markup(&html! { code { (clean::line(&text)) } }),
            Event::SoftBreak | Event::HardBreak => self.out.push('\n'),
            Event::Rule => self.literal(range),
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn begin(&mut self, tag: Tag<'_>, range: &std::ops::Range<usize>) {
        match tag {
            Tag::Heading { .. } => self.tag("<p><b>", "</b></p>"),
            Tag::CodeBlock(_) => self.tag("<pre tabindex=\"0\">", "</pre>"),
            Tag::List(_) | Tag::Item if self.depth >= DEEPEST => {
                self.depth += usize::from(matches!(tag, Tag::List(_)));
                self.tag("\n", "");
            }
            Tag::List(first) => {
                self.depth += 1;
                match first {
                    // A list that begins elsewhere keeps its numbers.
                    Some(1) => self.tag("<ol>", "</ol>"),
                    Some(_) => self.tag("<ul class=\"numbered\">", "</ul>"),
                    None => self.tag("<ul>", "</ul>"),
                }
            }
            Tag::Item => {
                self.tag("<li>", "</li>");
                let marker = self.source.get(range.clone()).unwrap_or_default();
                let digits: String = marker.chars().take_while(char::is_ascii_digit).collect();
                if self.open.iter().rev().nth(1) == Some(&"</ul>") && !digits.is_empty() {
                    self.text(&format!("{digits}. "));
                }
            }
            Tag::Strong if self.is_said(range) => self.tag("<b>", "</b>"),
            Tag::Strong => self.sign(range, 2),
            Tag::Emphasis => self.sign(range, 1),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push(dest_url.into_string());
                self.open.push("");
            }
            _ => self.tag("<p>", "</p>"),
        }
    }

    fn end(&mut self, tag: TagEnd, range: &std::ops::Range<usize>) {
        let end = self.open.pop().unwrap_or_default();
        match tag {
            TagEnd::Link | TagEnd::Image => self.link(range),
            TagEnd::Strong if end.is_empty() => self.sign_of(range, 2),
            TagEnd::Emphasis => self.sign_of(range, 1),
            _ => {
                self.depth -= usize::from(matches!(tag, TagEnd::List(_)));
                self.out.push_str(end);
            }
        }
    }

    /// Whether two stars stand around words: of a glob they do not.
    fn is_said(&self, range: &std::ops::Range<usize>) -> bool {
        let inside = self.source.get(range.clone()).and_then(|it| it.strip_prefix("**")?.strip_suffix("**"));
        inside
            .is_some_and(|it| it.starts_with(char::is_alphanumeric) && it.ends_with(|sign: char| !sign.is_whitespace()))
    }

    /// Shows where a link leads, whatever it is called.
    fn link(&mut self, range: &std::ops::Range<usize>) {
        let Some(address) = self.links.pop() else { return };
        let is_itself = self.source.get(range.clone()).is_some_and(|it| it.starts_with('<'));
        let name = parts::link(&address, &address);
        match is_itself {
            true => {
                // It was read as the text of the link already.
                let said = html! { (clean::lines(&address)) }.into_string();
                if self.out.ends_with(&said) {
                    self.out.truncate(self.out.len() - said.len());
                }
                self.markup(&name);
            }
            false => self.markup(&html! { " (" (name) ")" }),
        }
    }

    fn tag(&mut self, begin: &str, end: &'static str) {
        let is_too_deep = self.open.len() >= DEEPEST_OF_ALL;
        self.out.push_str(if is_too_deep { "\n" } else { begin });
        self.open.push(if is_too_deep { "" } else { end });
    }

    /// Signs that are shown as they are, before what stands between them.
    fn sign(&mut self, range: &std::ops::Range<usize>, signs: usize) {
        self.sign_of(range, signs);
        self.open.push("");
    }

    fn sign_of(&mut self, range: &std::ops::Range<usize>, signs: usize) {
        let sign = self.source.get(range.start..range.start + signs).unwrap_or_default().to_owned();
        self.text(&sign);
    }

    fn literal(&mut self, range: &std::ops::Range<usize>) {
        let text = self.source.get(range.clone()).unwrap_or_default().to_owned();
        self.text(&text);
    }

    fn text(&mut self, text: &str) {
        // The line breaks at its end are a part of it.
        let end = text.len() - text.trim_end().len();
        let shown = clean::lines(text).into_owned();
        let blank: String =
            text.get(text.len() - end..).unwrap_or_default().chars().filter(|it| matches!(it, ' ' | '\n')).collect();
        self.markup(&html! { (shown) (blank) });
    }

    fn markup(&mut self, markup: &Markup) {
        self.out.push_str(&markup.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> String {
        let shown = shown(text).into_string();
        let shown = shown.strip_prefix("<div class=\"prose marked\"><bdi>").unwrap();
        shown.strip_suffix("</bdi></div>").unwrap().to_owned()
    }

    #[test]
    fn code_lists_and_links_are_shown_as_such() {
        insta::assert_snapshot!(body("Use `bind()`:\n\n- one\n- **two**\n  1. in it\n\n```js\nif (a < b) {\n  x();\n}\n```\nSee [the *guide*](https://example.com/a?b=1&c=2) or <https://example.com>."), @r#"
    <p>Use <code>bind()</code>:</p><ul><li>one</li><li><b>two</b><ol><li>in it</li></ol></li></ul><pre tabindex="0">if (a &lt; b) {
      x();
    }
    </pre><p>See the *guide* (<a class="link" href="https://example.com/a?b=1&amp;c=2" rel="noopener noreferrer"><bdi>https://example.com/a?b=1&amp;c=2</bdi></a>) or <a class="link" href="https://example.com/" rel="noopener noreferrer"><bdi>https://example.com</bdi></a>.</p>
    "#);
    }

    #[test]
    fn nothing_is_lost_of_what_only_looks_like_it() {
        for text in [
            "__init__ of foo_bar_",
            "src/**/*.ts and **/*.js",
            "**/x/**",
            "C:\\.git\\_x",
            "2*3*4 <T>",
            "a | b",
            "* * *",
            "&amp;lt;",
        ] {
            let shown = body(text);
            let plain = shown
                .replace("<p>", "")
                .replace("</p>", "")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&");
            assert!(plain == text || text.starts_with('&'), "{text}: {shown}");
        }
        assert_eq!(body("7. seven\n8. eight"), "<ul class=\"numbered\"><li>7. seven</li><li>8. eight</li></ul>");
    }

    #[test]
    fn what_others_wrote_is_text_and_leads_only_into_the_web() {
        for text in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <b onclick=x>b</b>",
            "<!-- x --><style>a</style>",
            "[x](javascript:alert(1))",
            "![x](data:text/html,<script>)",
            "[x](/relative)",
            "<javascript:alert(1)>",
            "```\"><script>\n</pre><script>\n```",
            "`<script>`",
            "&#x202e;&#0;&#7;\u{202e}",
            "[a]: javascript:x\n\n[a]",
            "# <svg onload=x>",
        ] {
            let shown = body(text);
            let tags = shown.split('<').skip(1).map(|it| it.split(['>', ' ']).next().unwrap().trim_start_matches('/'));
            for tag in tags {
                assert!(["p", "b", "pre", "code", "bdi", "ul", "ol", "li"].contains(&tag), "{text}: {shown}");
            }
            assert!(!shown.chars().any(|sign| sign != '\n' && clean::acts(sign)), "{text}: {shown}");
        }
        let deep = body(&"- ".repeat(5_000));
        assert!(deep.matches("<ul>").count() <= DEEPEST, "{deep}");
        let deep = body(&"> ".repeat(5_000));
        assert!(deep.matches("<p>").count() < 100, "{}", deep.len());
    }
}
