"""What lines say when something goes wrong: the words of compilers, runtimes, clouds and build tools, as data.

A table has groups, between which there is an empty line; a group's patterns stand between ` | `, over several lines, and
a line that ends with a backslash goes on. They are RE2's, without regard to case; a space at an end is written `[ ]`.
"""

from functools import cache
from typing import Any, Final

SIGNS: Final = r"""
error | fail | fatal | exception | panic | traceback | abort | denied | refused | cannot | can't | could ?n[o']t | success\W{1,4}false
unable | not found | no such | not (?:defined|supported|allowed|permitted|exist|match|valid|a ) | undefined
undeclared | unresolved | unknown | missing | invalid | illegal | unexpected | time(?:d )?[- ]?out | killed
oom | out of (?:memory|range|bounds) | segfault | segmentation | core dumped | assert | expected | mismatch
incompatible | exit(?:ed)? (?:code|status|with) | no space | forbidden | unauthori[sz]ed | critical | severe
\bnot ok\b | ● | can'?t | abend | crash | corrupt | exceeded | violat | conflict | too many | does(?: not|n't) | unsafe | unused
rejected | reset by peer | broken pipe | overflow | deadlock | quota | evicted | no module | caused by
\bFAIL\b | unhandled | uncaught | terminated | unsatisf | unsupported | was not | (?m:^)(?:.{0,60} )?E {2,}\S
(?m:^)[EF]\d{4}[ ] | non-zero | status\W{1,3}[45]\d\d | http[/ ]?[\d.]*\W{1,3}[45]\d\d | errno | signal | sigterm | (?:^|\s)nan\b | locked | truncated | diverged | slowdown | stale | stack trace | heap
not installed | nothing to | inconsistent | not up.to.date | declared | bad[ ] | wrong | warn
"""
"""What is looked for in a whole log: where none of it stands, no line says that anything is wrong."""

# What names the reason itself: the machine, files and programs, networks and servers, code, data, and clusters.
CAUSES: Final = r"""
no space left on device | disk quota exceeded | read-only file ?system | input/output error
too many open files

cannot allocate memory | out of memory | outofmemory | oom-?kill | java heap space | gc overhead limit
memory limit | exceeded (?:its |the )?memory | heap out of | std::bad_alloc | (?:^|\s)killed(?:$|[ ]{2,}|: \d)

segmentation fault | sigsegv | bus error | illegal instruction | stack overflow | double free | signal: \w+
killed by signal | sigkill | sigterm | received signal | MPI_Abort

permission denied | operation not permitted | access(?: is)? denied | not authori[sz]ed | unauthori[sz]ed
forbidden | accessdenied | insufficient (?:privileges|permissions?)

no such file | file not found | not a directory | is a directory | command not found | executable file not found
not recognized as an internal | exec format error | cannot open | cannot stat

no module named | can'?t locate | unable to locate | cannot find module | module not found | could not find (?:a version|artifact|package)
(?:could not|cannot|unable to) (?:be )?resolve | unresolved
no matching (?:distribution|version)

connection (?:was )?(?:refused|reset|timed ?out|closed|aborted) | broken pipe | reset by peer
network is unreachable | no route to host | econnrefused | etimedout | econnreset | enotfound

name or service not known | name resolution | no such host | could not resolve host | unknown host | getaddrinfo
nodename nor servname

tls handshake | certificate (?:verify failed|has expired|is not trusted|signed by) | x509:
ssl(?:_error|error|: ) | handshake failed

deadline exceeded | timed out | time-?out (?:exceeded|expired|waiting|after) | i/o timeout | read timeout

(?:status(?: ?code)?|http(?:/[\d.]+)?|returned error|response)[:= ]+\(?[45]\d\d\b
\b(?:429|500|502|503|504|401|403|404) (?:too many|internal|bad gateway|service|gateway|unauthorized|forbidden|\
not found)

rate limit | slow ?down | too many (?:requests|connections|clients) | quota (?:exceeded|has been) | exceeded quota
exceeded (?:your|the|its) .{0,20}quota | limit exceeded | throttl

authentication (?:failed|required) | login failed | invalid (?:credentials|token|password|api key|signature)
expired (?:token|credentials) | bad credentials | could not authenticate

cannot find symbol | undefined(?: reference| variable| symbol| name| method| function| identifier|: )
undeclared | is not (?:defined|a function|declared|callable|iterable) | has no (?:attribute|member|method|field)

syntax ?error | unexpected (?:token|eof|end of|identifier|indent|character|symbol) | parse error | unterminated
invalid syntax | malformed

incompatible types | mismatched types | type mismatch | cannot be (?:applied|converted|cast) | cannot convert
cannot use | wrong type | not assignable | classcast

null ?pointer | nil pointer | nonetype | cannot read propert | of (?:undefined|null)\b | null value
index out of | out of (?:range|bounds) | division by zero | divide by zero | invalid memory address | key ?error

missing (?:required|cases|return|argument|api|module|package|dependency|column|key|field|file|environment|\
configuration|parameter)
requires? (?:a |an )?(?:python|node|java|version|argument) | is required | must (?:be|not|have)

assert(?:ion)? ?(?:failed|error) | expect\(received\) | assertion .{1,300} failed
\bassert .{1,100}(?:[=!<>]=|[<>]|\b(?:is|in|not)\b) | expected:? .{1,200}(?:but|got|found|was|received|actual)
\bwant(?:ed)?\b.{1,100}\bgot\b | \bgot\b.{1,100}\bwant | expected .{1,40}none | does(?: not|n't) match
not equal

is unused | imported and not used | declared (?:and|but) not used | is never used | unsafe repository
dubious ownership | not up.to.date | are inconsistent | out of date

duplicate (?:key|entry|column) | violates .{0,60}constraint | integrity constraint
relation .{1,80} does not exist | table .{1,80}(?:not found|doesn't exist) | unknown column
no such (?:table|column) | column .{1,80} (?:does not exist|not found) | deadlock

checksum | corrupt | truncated | (?:^|\s)nan(?:\s|$) | not finite | diverged | is locked | does not look like
invalid (?:format|json|header|magic|utf|argument|value|input|literal|reference|option|configuration|date)
not a valid | could not (?:convert|parse|decode) | cannot (?:parse|decode|convert|insert) | can't decode
validation error | schema mismatch

success[\"']?\s*[:=] ?[\"']?false\b | unexpected_(?:count|percent)[\"']?\s*[:=] ?[1-9]

does not exist | doesn't exist | nosuchkey | nosuchbucket | was not found
no such (?:key|bucket|container|image|host) | already exists | (?:^|\s)conflict(?:s|ing)?\b | \bdoes not exist
doesn't exist

manifest unknown | pull access denied | imagepullbackoff | errimagepull | back-off | crashloop | evicted
unschedulable | insufficient (?:cpu|memory) | failedscheduling | liveness probe | readiness probe
node is not ready | preempt
"""

# That something went wrong, without why.
WORDS: Final = r"""
(?:^|[\s\[\](\"':>|*=])(?:error|err|errors|fatal|failure|exception|panic|critical|severe)(?:$|[\s:!,;\])\"'|*]|\. )

(?:^|[\s\[\](\"':>|*=_])(?:failed|failing|fails|fail|failures|aborted|abort|aborting|crash(?:ed)?|rejected|\
terminated|killed|broken|unhandled|uncaught)(?:$|[\s:!,;.\])\"'|*])

\b(?:cannot|can't|can not|could not|couldn't|unable to|not able to|refus(?:ed|ing)|denied|not found|missing|\
invalid|illegal|undefined|unknown|unexpected|unsupported|mismatch|not supported|not allowed|not permitted|\
does not|doesn't|did not|didn't|incompatible|wrong|bad|no such|went wrong|exceeded)\b
"""

# Words of those who only pass on that something else has failed, or count it.
SUMMARIES: Final = r"""
(?:exit(?:ed|s)?|return(?:ed|s)?|finished|completed|terminated|failed|ended|\
died)(?: [\w.-]+){0,3}?(?: with)?(?: an?)?(?: non-?zero)? ?(?:\(?exit )?(?:code|status|value)\b:?(?: of)? ?\(?-?[\d-]
exit (?:status|code):? \(?-?\d | exited with \d | non-?zero (?:exit|status|code|return) | returned non-zero
rc=\d | \d exit (?:status|code) | ^\S+:\d+: \w+(?:Error|Exception)$ | ^aborted\b | <<< (?:failure|error)!?

build (?:failure|failed|step|unsuccessful) | failure: build | finished: (?:failure|error) | marked build as
compil(?:e|ation).{0,60}unsuccess
(?:build|job|pipeline|workflow|step|task|stage|command|script|process|run|tests?|pod|application|\
lint) [^\w\s]?(?:[\w./:-]+\W? )?(?:has )?(?:failed|unsuccessful|errored)\b[.!]?(?: with.{0,40})?$

failed to execute goal | execution failed for task
there (?:were|was) (?:an? )?(?:test |some )?(?:failures?|errors?|failing) | there are test failures
one or more (?:errors|tests|tasks|steps|builds) | some tests failed | tests? failed
due to (?:previous|prior|the above|\d+ previous) | previous errors?

\b\d+ (?:\w+ ){0,2}(?:errors?|failed|failures?|failing|problems?)\b | \b(?:errors?|failures?|failed)[:=] ?\d+
(?:^|\s)=+ .{0,200} =+$ | tests run: | \bpassed[,:] | test result: | test suites?: | ^tests:[ ] | ^done\. pass=

make(?:\[\d+\])?: \*\*\* | ^ninja: build stopped | elifecycle | errno \d+$ | lifecycle script
^error command failed | ^FAIL(?:ED)?$ | ^fail(?:ed)? *\t | ^error$ | ^failed$
compilation (?:failure|error|failed) | could not compile ` | aborting due to | compilation aborted | ^error ~ error executing | begin failed | failed to compile$
\[build failed\]

\.{3,}.{0,12}(?:failure|failed|fail)\b | \bfailure \[ | \.\.\. *failed | ^FAILED (?:\S+::|\() | ^ERROR \S+::
^short test summary | ^error in .{0,40} phase

cancel+ed | cancelling | skipped | stopping | shutting down | terminat(?:e|ing)[ ] | clean(?:ing|ed)? ?up
post-?build | sending e-?mails?

stage \d+ (?:contains|failed) | job (?:aborted|\d+ failed) | job aborted due to | task \d+(?:\.\d+)? in stage
failed \d+ times | max(?:imum)? attempts | retries exhausted | retry limit

subprocess-exited | did not run successfully | calledprocesserror | command .{1,200} (?:failed|returned|exited)
error (?:executing|running) (?:command|script|step|task|job) | runtimeerror: .{0,60}(?:failed|exit)
childprocess | something went wrong in | \bworker .{0,30}(?:died|exited|failed) | process \d+ (?:exited|died)
completed with (?:exit|error) | timed out waiting for (?:the condition|caches)
"""

# What to do now, or where to read on: what a line begins with, as a reason may end with it.
ADVICE: Final = r"""
^(?:[*>=-] )?(?:to see the full|re-?run[ ]|for (?:further|more)[ ]|.{0,30}possible solutions|\[?help[ :\]]|https?://\S+$)
^(?:[*>=-] )?(?:after correcting|you (?:can|may|might|should|must)[ ]|please[ ]|(?:try|see|refer to|consult|visit|contact)[ ])
^(?:[*>=-] )?(?:consider[ ]|make sure[ ]|run with|try:|(?:note|hint|tip|help)[: ]|get more[ ]|did you mean|if you[ ])
^(?:[*>=-] )?(?:what went wrong:?$|to fix this|(?:a )?complete log of this run|this (?:error|issue) originates from a subprocess)
^(?:[*>=-] )?fix the[ ]

complete log of this run | debug\.log$ | debug-0\.log | for more information (?:about|visit|on)
likely not a problem with | this is probably not a problem | run with `?RUST_BACKTRACE | [-]{2}stacktrace option
mvn <goals> | ^\+ expected - actual | ^(?:during handling of the above|the above exception was the direct)
"""

# What sounds like a fault and is none.
CALM: Final = r"""
\b(?:0|no|zero|without(?: any)?) (?:\w+ )?(?:errors?|fail(?:ed|ures?|ing)?|problems?|issues|warnings?|exceptions?)\b
\b(?:errors?|failures?|failed|fail)[\"']?\s*[:=] ?(?:0|none|null|false|nil|\[\]|\"\"|'')(?:\D|$) | errors?=0
fail=0 | <no error> | error-free

(?:will|to) (?:be )?retr(?:y|ied) | retrying | attempt \d+ (?:of|/) | retry(?: in|ing| #| \d)
\bignor(?:ed|ing|e)\b | continuing | continue-on-error | non-?fatal | harmless | skipping | falling back
fallback | recovered | \(expected\) | as expected | expected (?:failure|error) | xfail | allowed to fail
suppressed:

deprecat | warning | \bwarn\b | may (?:cause|fail) | might (?:cause|fail) | could be | fail-?fast | failover
--fail | error[-_.]?(?:handler|handling|page|log|level|code|message|prone|report) | on[-_]?(?:error|failure)\b
ignore[-_]?errors? | raise_for | if .{0,40}(?:error|fail)

\bpass(?:ed)?\b | \bok\b | \x{2713} | \x{2714} | success | \bfixed\b | resolved (?:issue|bug) | download(?:ed|ing)
collecting | installing | checking (?:for|if|whether) | loading | compiling \S+ v | added | \bcreate mode\b
^\+{1,3}[ ] | \[command\] | ^\$[ ] | \binstalled\b | ^env: | ^run[ ] | ^set - | ^echo[ ] | >&2
"""

_TABLES: Final = {"cause": CAUSES, "word": WORDS, "summary": SUMMARIES, "advice": ADVICE, "calm": CALM}


def kinds(text: str) -> dict[str, int]:
    """How many groups of which table have a pattern in the text."""
    table, names = _table()
    counts = dict.fromkeys(_TABLES, 0)
    for place in table.Match(text) or ():
        counts[names[place]] += 1
    return counts


@cache
def signs() -> Any:
    """What looks for `SIGNS` in bytes."""
    import re2

    options = _options()
    options.encoding = re2.Options.Encoding.LATIN1
    (group,) = groups(SIGNS)
    return re2.compile(group.encode(), options)


def groups(table: str) -> tuple[str, ...]:
    """The groups of a table, each as one pattern."""
    text = table.strip().replace("\\\n", "")
    return tuple("|".join(group.replace("\n", " | ").split(" | ")) for group in text.split("\n\n"))


@cache
def _table() -> tuple[Any, tuple[str, ...]]:
    """All tables as one, and of which one each pattern is."""
    import re2

    made = re2.Set.SearchSet(_options())
    names = []
    for name, table in _TABLES.items():
        for group in groups(table):
            made.Add(group)
            names.append(name)
    made.Compile()
    return made, tuple(names)


def _options() -> Any:
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    options.max_mem = 16 << 20
    return options
