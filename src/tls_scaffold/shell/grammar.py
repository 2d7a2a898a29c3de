"""A shell script as commands: what bash's own grammar says, as far as scripts that sign need it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tls_scaffold.shell.nodes import (
    Assignment,
    Calculation,
    Case,
    Chain,
    Command,
    For,
    Function,
    Group,
    If,
    Node,
    Pipeline,
    Redirect,
    While,
)
from tls_scaffold.shell.words import (
    DEEPEST,
    ENDS_WORD,
    NAME,
    TOO_DEEP,
    Characters,
    ScriptError,
    Text,
    Word,
    plain_text,
    quoted_text,
    take_process,
    take_word,
)

ASSIGNS = re.compile(rf"({NAME})(?:\[([^\]=]*)\])?(\+?)=")
REDIRECTS = re.compile(r"(\d*)(<<<|<<-|<<|<&|>&|&>>|&>|>>|>\||<>|<(?!\()|>(?!\())")
DEFINES = re.compile(
    rf"(?:function[ \t]+([\w.:-]+)[ \t]*(?:\([ \t]*\))?|({NAME}[\w.:-]*)[ \t]*\([ \t]*\))"
)
RESERVED = re.compile(r"(\[\[|[a-z]+|[{}!])(?=[\s;&|()<>]|$)")
DECLARING = ("export", "declare", "typeset", "local", "readonly")
ENDING = ("then", "elif", "else", "fi", "do", "done", "esac", "}")


def parse(text: str, line: int = 1) -> tuple[Node, ...]:
    """Return the commands of a script; ScriptError where they can't be told."""
    parser = _Parser(Characters(text.replace("\r\n", "\n"), line))
    try:
        found = parser.statements()
    except RecursionError:  # words in words have no count of their own
        raise ScriptError(parser.source.line, TOO_DEEP) from None
    if not parser.source.is_at_end():
        raise ScriptError(parser.source.line, f"`{parser.source.take()}` is not understood here")
    return found


@dataclass
class _Parser:
    source: Characters
    depth: int = 0
    waiting: list[tuple[Redirect, str, bool]] = field(default_factory=list)

    def statements(self, *ends: str) -> tuple[Node, ...]:
        """Take commands up to one of the words or characters that end them, which stays."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ScriptError(self.source.line, TOO_DEEP)
        found: list[Node] = []
        while not self._at_end(ends):
            found.append(self._chain())
            self.source.blanks()
            if not self.source.is_at_end() and not self.source.starts(";", "&", "\n", "#", ")"):
                break
        self.depth -= 1
        return tuple(found)

    def _at_end(self, ends: tuple[str, ...]) -> bool:
        self._separators()
        if self.source.is_at_end() or self.source.starts(")"):
            return True
        if ";;" in ends and self.source.starts(";;"):
            return True
        word = self._reserved()
        if word in ENDING and word not in ends:
            raise ScriptError(self.source.line, f"`{word}` is not understood here")
        return word in ends

    def _separators(self) -> None:
        """Take what stands between commands, and the here-documents behind a line."""
        while True:
            self.source.blanks()
            if self.source.starts("#"):
                self._comment()
            elif self.source.starts("\n"):
                self._newline()
            elif self.source.starts(";", "&") and not self.source.starts(";;", "&>"):
                self.source.take()
            else:
                return

    def _comment(self) -> None:
        end = self.source.text.find("\n", self.source.at)
        self.source.take((end if end >= 0 else len(self.source.text)) - self.source.at)

    def _newline(self) -> None:
        self.source.take()
        for redirect, end, is_raw in self.waiting:
            is_indented = redirect.operator == "<<-"
            redirect.word = self._document(end, is_indented=is_indented, is_raw=is_raw)
        self.waiting.clear()

    def _document(self, end: str, *, is_indented: bool, is_raw: bool) -> Word:
        first, lines = self.source.line, []
        while not self.source.is_at_end():
            stop = self.source.text.find("\n", self.source.at)
            length = (stop + 1 if stop >= 0 else len(self.source.text)) - self.source.at
            line = self.source.take(length)
            line = line.lstrip("\t") if is_indented else line
            if line.rstrip("\n") == end:
                break
            lines.append(line)
        else:
            raise ScriptError(first - 1, f"the here-document has no end `{end}`")
        text = "".join(lines)
        return (Text(text, quoted=True),) if is_raw else quoted_text(text, first)

    def _reserved(self) -> str:
        match = RESERVED.match(self.source.text, self.source.at)
        return match[1] if match else ""

    def _expect(self, word: str) -> None:
        self._separators()
        if self._reserved() != word and not (word in "()" and self.source.starts(word)):
            raise ScriptError(self.source.line, f"`{word}` is missing")
        self.source.take(len(word))

    def _chain(self) -> Node:
        line = self.source.line
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        while True:
            self.source.blanks()
            if not self.source.starts("&&", "||"):
                return Chain(line, first, tuple(rest)) if rest else first
            operator = self.source.take(2)
            self._separators()
            rest.append((operator, self._pipeline()))

    def _pipeline(self) -> Node:
        line = self.source.line
        negated = self._reserved() == "!"
        if negated:
            self.source.take()
            self.source.blanks()
        commands = [self._command()]
        while True:
            self.source.blanks()
            if not self.source.starts("|") or self.source.starts("||"):
                break
            self.source.take(2 if self.source.starts("|&") else 1)
            self._separators()
            commands.append(self._command())
        return Pipeline(line, tuple(commands), negated)

    def _command(self) -> Node:
        line, word = self.source.line, self._reserved()
        makers = {
            "if": self._if,
            "for": self._for,
            "select": self._for,
            "while": self._while,
            "until": self._while,
            "case": self._case,
        }
        if word == "{" or (self.source.starts("(") and not self.source.starts("((")):
            return self._group()
        if self.source.starts("(("):
            return Calculation(line, self._calculation())
        if word in makers:
            self.source.take(len(word))
            self.source.blanks()
            node = makers[word](line, word)
            redirects = tuple(self._redirects())
            return Group(line, (node,), redirects=redirects) if redirects else node
        define = DEFINES.match(self.source.text, self.source.at)
        if define and word not in DECLARING:
            self.source.take(len(define[0]))
            self._separators()
            return Function(line, define[1] or define[2], self._command())
        return self._simple(line, is_test=word == "[[")

    def _calculation(self) -> str:
        self.source.take(2)
        text = self.source.take_until("))")
        # `$(( (a) ))` has brackets of its own at its end.
        while text.count("(") > text.count(")") and self.source.starts(")"):
            text += ")" + self.source.take()
        return text

    def _group(self) -> Group:
        line, is_subshell = self.source.line, self.source.take() == "("
        body = self.statements() if is_subshell else self.statements("}")
        self._expect(")" if is_subshell else "}")
        return Group(line, body, is_subshell, tuple(self._redirects()))

    def _body(self) -> tuple[Node, ...]:
        self._expect("do")
        body = self.statements("done")
        self._expect("done")
        return body

    def _if(self, line: int, _word: str) -> Node:
        branches = []
        while True:
            condition = self.statements("then")
            self._expect("then")
            branches.append((condition, self.statements("elif", "else", "fi")))
            word = self._reserved()
            self._expect(word or "fi")
            if word == "else":
                branches.append(((), self.statements("fi")))
                self._expect("fi")
            if word != "elif":
                return If(line, tuple(branches))

    def _while(self, line: int, word: str) -> Node:
        condition = self.statements("do")
        return While(line, condition, self._body(), word == "until")

    def _for(self, line: int, word: str) -> Node:
        if word == "for" and self.source.starts("(("):
            head = self._calculation()
            return For(line, "", (), self._body(), head)
        name = plain_text(take_word(self.source)) or ""
        self._newlines()
        words: tuple[Word, ...] = (take_word(Characters('"$@"')),)
        if self._reserved() == "in":
            self.source.take(2)
            words = tuple(self._words())
        if word == "select":
            raise ScriptError(line, "`select` asks a person")
        return For(line, name, words, self._body())

    def _newlines(self) -> None:
        self.source.blanks()
        while self.source.starts("\n"):
            self._newline()
            self.source.blanks()

    def _words(self) -> Iterator[Word]:
        while True:
            self.source.blanks()
            if self.source.is_at_end() or self.source.starts(*ENDS_WORD, "#"):
                return
            yield take_word(self.source)

    def _case(self, line: int, _word: str) -> Node:
        subject = take_word(self.source)
        branches: list[tuple[tuple[Word, ...], tuple[Node, ...]]] = []
        self._newlines()
        self._expect("in")
        while True:
            self._separators()
            if self._reserved() == "esac":
                self._expect("esac")
                return Case(line, subject, tuple(branches))
            if self.source.starts("("):
                self.source.take()
            patterns = [*self._words()]
            while self.source.starts("|"):
                self.source.take()
                patterns += self._words()
            self._expect(")")
            branches.append((tuple(patterns), self.statements(";;", "esac")))
            if self.source.starts(";;"):
                self.source.take(3 if self.source.starts(";;&") else 2)

    def _redirects(self) -> Iterator[Redirect]:
        while True:
            self.source.blanks()
            match = self.source.take_match(REDIRECTS)
            if not match:
                return
            redirect = Redirect(match[2], number=match[1])
            self.source.blanks()
            word = take_word(self.source)
            if match[2] in ("<<", "<<-"):
                end = plain_text(word)
                if end is None:
                    raise ScriptError(self.source.line, "the end of a here-document is not plain")
                is_raw = any(isinstance(part, Text) and part.quoted for part in word)
                self.waiting.append((redirect, end, is_raw))
            redirect.word = word
            yield redirect

    def _simple(self, line: int, *, is_test: bool) -> Command:
        words: list[Word] = []
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        while True:
            if not is_test:
                redirects += self._redirects()
            self.source.blanks()
            can_assign = not words or plain_text(words[0]) in DECLARING
            assigns = self.source.take_match(ASSIGNS) if can_assign else None
            if assigns:
                assignments.append(self._assignment(assigns))
            elif is_test and self.source.starts("&&", "||", "(", ")", "<", ">"):
                count = 2 if self.source.starts("&&", "||") else 1
                words.append((Text(self.source.take(count)),))
            elif self.source.starts("<(", ">("):
                words.append(take_process(self.source))
            elif self.source.is_at_end() or self.source.starts(*ENDS_WORD):
                if is_test and not self.source.is_at_end() and self.source.starts("\n"):
                    self._newline()
                    continue
                break
            elif self.source.starts("#"):
                break
            else:
                words.append(take_word(self.source))
                is_test = is_test and plain_text(words[-1]) != "]]"
        if not (words or assignments or redirects):
            found = self.source.take() or "the end"
            raise ScriptError(line, f"`{found}` is not understood here")
        return Command(line, tuple(words), tuple(assignments), tuple(redirects))

    def _assignment(self, match: "re.Match[str]") -> Assignment:
        name, index, adds = match[1], match[2], bool(match[3])
        if not self.source.starts("("):
            return Assignment(name, take_word(self.source), adds=adds, index=index)
        self.source.take()
        words: list[Word] = []
        while True:
            self._separators()
            if self.source.starts(")"):
                self.source.take()
                return Assignment(name, words=tuple(words), adds=adds)
            found = take_word(self.source)
            if not found:
                raise ScriptError(self.source.line, "`)` is missing")
            words.append(found)
