"""What secrets look like that nobody has told: tokens, keys and passwords as vendors and people write them."""

_NAMED = (
    r"password|passwd|pwd|passphrase|secret|token|credential|signature|"
    r"api[_-]?key|apikey|access[_-]?key|client[_-]?secret|private[_-]?key|routing[_-]?key"
)

# Triggers that stand in most logs, and what stands in those in which their shapes are.
WEAK = frozenset({"gh", "://", "=", '"', "akia", "asia"})
_SPACE = r"[\s\x0b\x1c-\x1f\x80-\xff]"  # also in UTF-8, where one may have three bytes
STRONG = (
    r"gh[pousr]_\w{20}",
    r"github_pat_",
    r"a[ks]ia[0-9a-z]{16}",
    r"://[^\s/?#\"'<>:@]*:[^\s/?#\"'<>]*@",
    r"://[^\s/?#\"'<>:@]{20,200}@",
    rf"(?:{_NAMED}|\bsig|[?&](?:key|auth|jwt)){_SPACE}{{0,6}}=",
    rf'(?:{_NAMED})\\?"{_SPACE}{{0,12}}:',
)

# A number of a lexer's token, or what says that there is none, under the name of a secret.
_ORDINARY = r"(?:-?[0-9.]{1,5}|true|false|none|null|nil|undefined)(?![^\s&\"',;<>)\]])"

# What the text must hold in lower case for the shape to be looked for, and the shape; its last group
# is what is cut out. No shape can match in two ways, so that none goes back and forth.
SHAPES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("xox", "xapp-"), r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{6,}"),
    (("hooks.slack",), r"hooks\.slack(?:-gov)?\.com/(?:services|triggers|workflows)/([\w/-]+)"),
    (("/webhooks/",), r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/([\w/-]+)"),
    (("webhook.office.com",), r"webhook\.office\.com/(\S+)"),
    (("telegram.org/bot",), r"telegram\.org/bot([^/\s]+)"),
    (("akia", "asia"), r"\bA[KS]IA[0-9A-Z]{16}\b"),
    (("gh", "glpat-"), r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})"),
    (("aiza",), r"\bAIza[\w-]{35}"),
    (("eyj",), r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"),
    (("bearer",), r"(?i)\bbearer\s{1,4}([\w.~+/=-]{8,})"),
    (("authorization",), r"(?i)authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?((?:[a-z]{1,16}\s{1,4})?[^\s\"',;]+)"),
    (
        ("private key-----",),
        r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)",
    ),
    (("://",), r"://([^\s/?#\"'<>:@]*:[^\s/?#\"'<>]*|[^\s/?#\"'<>:@]{20,200})@"),
    (("=",), rf"(?i)(?:{_NAMED}|\bsig|[?&](?:key|auth|jwt))\s{{0,2}}=\s{{0,2}}[\"']?(?!{_ORDINARY})([^\s&\"',;<>]+)"),
    (('"',), rf'(?is)(?:{_NAMED})\\?"\s{{0,4}}:\s{{0,4}}\\?"([^"\\]*(?:\\.[^"\\]*)*)'),
)
