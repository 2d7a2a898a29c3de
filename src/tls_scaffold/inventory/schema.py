"""The JSON Schema of the inventory, made from the fields and the limits of its readers."""

from tls_scaffold.inventory import components, custody, forgotten, intake, membersettings
from tls_scaffold.inventory.clusterparts import ACCESS
from tls_scaffold.inventory.components import MOST_MEMBERS, MOST_PROXIES
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.presets import PRESETS
from tls_scaffold.inventory.schemavalues import (
    CA_CN,
    CN,
    COMPONENT_NAME,
    ETCD_KEY,
    FLAG,
    HOST,
    KEY,
    LIFE,
    NAMES,
    OUTPUT,
    PREFIX,
    PROFILE,
    REQUEST,
    RETENTION,
    SUBJECT_TEXTS,
    TEXT,
    USAGES,
    WORDS,
    Schema,
    choice,
    described,
    divided,
    form,
    number,
    several,
    table,
    text,
    whole,
    with_commas,
)
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.values import GROUP_NAME, NAME_FIELDS, SCHEMA, VERSION
from tls_scaffold.spelling import NAME_LENGTH, PATH, SHA256, VARIABLE

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "The inventory of a folder of tls-scaffold (tls-scaffold.json)"
ABOUT = (
    "What a cluster is made of: its members, proxies and users, and what their certificates are "
    "asked for. The same holds for an inventory in YAML or TOML. Some rules can't be told here, "
    "and tls-scaffold itself holds them:"
)
NOT_HERE = (
    "there is a member, or in a folder that was adopted a user",
    "names, certificates and the CNs of users differ in more than upper and lower case",
    "no name or certificate is one of a CA's files, or ends in `-key`",
    "hosts are IP addresses or host names, and those of a member are its own",
    "a request is shared by those alone who ask for the same",
    "no file lies in the place of a folder, or of a file that the folder has for itself",
    "a user's CN is neither a server's nor, with the same names, the CA's",
    "a life is shorter than the CA's",
    "an address to listen on is an IP address, and every address stands alone",
    "old revisions stay 5 minutes at least",
    "no keys are granted twice to a user, and a range ends behind its begin",
    "`root` has no permissions and no preset but `root`",
    "who has no usage `client auth` has neither role nor permissions",
    "a CA that is remote has `sha256`, but in a file for `--from`, where it is asked for",
    "`sha256` and `peer_ca` go with some ways to hold the CA alone",
    "words in `grant`, `role` and `set` name components that are there",
    "texts are in Unicode form NFC and have no invisible characters, and no blank at their ends",
    "a number has no decimal point",
)
"""Rules about several fields, or of a kind that JSON Schema has no words for."""
CN_OF_SERVER = "The CN of its certificate, where it differs from `members_cn`."
OF_HOST = "An IP address or a host name. A `*.` may stand before a host name, for any first label."
REMOTE = KeyPlace.REMOTE.value


def inventory_schema() -> Schema:
    """Return the schema, of JSON Schema's draft 2020-12."""
    return {
        "$schema": DRAFT,
        "title": TITLE,
        "description": "\n- ".join((ABOUT, *NOT_HERE)),
        **table(_whole()),
        "$defs": {
            "member": _member(),
            "proxy": _proxy(),
            "user": _user(),
            "permission": _permission(),
            "etcd": _etcd(),
            "ca": _ca(),
            "names": _names(),
        },
    }


def _whole() -> dict[str, Schema]:
    ca_number = number(intake.GENERATIONS)
    return {
        SCHEMA: described(
            text(intake.LONGEST_SCHEMA),
            "Where an editor finds this schema. tls-scaffold keeps it and does nothing with it.",
        ),
        "version": described(
            {"type": "integer", "const": VERSION}, "The number of this format. It may be left out."
        ),
        "members": described(
            with_commas(_word_or("member"), MOST_MEMBERS),
            "The etcd servers: a table each, or a word as `--members` takes it, HOST or "
            "NAME=HOST+HOST.",
        ),
        "proxies": described(
            {
                "anyOf": [
                    number(range(MOST_PROXIES + 1)),
                    TEXT,
                    several(_word_or("proxy"), most=MOST_PROXIES),
                ]
            },
            "The etcd proxies: a table each, or a word as `--proxy` takes it, NAME or "
            "NAME=HOST+HOST. A number makes as many that are named by number.",
        ),
        "users": described(
            with_commas(_word_or("user")),
            "Who comes to etcd with a certificate: a table each, or a word as `--users` takes it, "
            "NAME or NAME=CN.",
        ),
        "grant": described(
            WORDS, "What users may do, in the words of `--grant`: NAME=PREFIX[:r|w|rw]."
        ),
        "role": described(WORDS, "Presets of users, in the words of `--role`: NAME=PRESET."),
        "set": described(
            WORDS,
            "What single certificates have for themselves, in the words of `--set`: "
            "NAME:FIELD=VALUE.",
        ),
        "key": described(
            KEY, "The kind of key that everybody gets, the CA too: ecdsa-384 if left out."
        ),
        "expiry": described(LIFE, "How long a certificate lives, such as 90d: 1 year if left out."),
        "ca_expiry": described(LIFE, "How long the CA's certificate lives: 10 years if left out."),
        "ca_cn": described(CA_CN, "The CN of the CA."),
        "ca_generation": described(
            ca_number, "How many CAs the folder has had. tls-scaffold counts them."
        ),
        **_names_of_all(),
        "separate_requests": described(
            FLAG, "Whether each server has a request of its own, in place of one for all of them."
        ),
        "members_cn": described(CN, "The CN of members and proxies: `etcd` if left out."),
        "etcd": described(_ref("etcd"), "What etcd is started with on every member."),
        "record": described(FLAG, "Whether git gets the folder's record of what was signed: true."),
        "key_group": described(
            text(pattern=whole(f"({GROUP_NAME})?")),
            "The group, or its number, that may read keys beside their owner: none if left out.",
        ),
        "ca": described(_ref("ca"), "Who holds the CA. Left out: the folder makes it."),
        "peer_ca": described(
            FLAG, "Whether a second CA signs what members show each other: false if left out."
        ),
        "peer_ca_generation": described(
            ca_number, "The number of the second CA, where it is another. tls-scaffold counts."
        ),
        "crl": described(
            FLAG, "Whether members look into a list of what was revoked: false if left out."
        ),
        "removed": described(
            NAMES,
            "Names of servers that were removed. No other server is numbered so again.",
        ),
        "forgotten": described(
            _forgotten(),
            "Users and roles that the folder asked etcd for once and asks for no more. "
            "`rbac.sh --prune` takes them out.",
        ),
        "ignore": described(
            {
                "type": "object",
                "propertyNames": text(intake.LONGEST_REASON, 1),
                "additionalProperties": text(intake.LONGEST_REASON, 1),
            },
            "Rules of `tls-scaffold check` that are switched off, by their ids, each with the "
            "reason.",
        ),
    }


def _names_of_all() -> dict[str, Schema]:
    names = {
        "organization": "The organization (O) in every subject.",
        "organizational_unit": "The organizational unit (OU) in every subject.",
        "locality": "The locality (L) in every subject.",
        "state": "The state or province (ST) in every subject.",
        "country": "The country (C) in every subject, in two capital letters.",
    }
    return {
        name: described(SUBJECT_TEXTS[NAME_FIELDS[name]], f"{said} An empty text leaves it out.")
        for name, said in names.items()
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _word_or(name: str) -> Schema:
    return {"anyOf": [TEXT, _ref(name)]}


def _terms() -> dict[str, Schema]:
    return {
        "names": described(_ref("names"), "Names of its subject in place of everybody's."),
        "key": described(KEY, "Its kind of key in place of everybody's."),
        "expiry": described(LIFE, "The life of its certificate in place of everybody's."),
    }


def _files() -> dict[str, Schema]:
    return {
        "request": described(
            REQUEST, "Where its request is, below the folder, if that is not its usual place."
        ),
        "output": described(
            OUTPUT, "Its certificate's path without `.pem`, if that is not its usual place."
        ),
        "profile": described(
            PROFILE, "The profile in ca-config.json that signs it; an empty one is the default."
        ),
    }


def _server(name: str, hosts: str) -> dict[str, Schema]:
    return {
        "name": described(COMPONENT_NAME, name),
        "hosts": described(several(described(HOST, OF_HOST)), hosts),
        "cn": described(CN, CN_OF_SERVER),
        **_terms(),
        **_files(),
    }


def _member() -> Schema:
    properties = _server(
        "The name of its files. Members without one are called etcd1, etcd2 and so on.",
        "Where others reach it, the first one before all; all of them are in its certificate.",
    )
    properties["peer"] = described(
        table({"cn": described(CN, "The CN that peers see."), **_files()}),
        "A second certificate, which it shows its peers.",
    )
    properties["etcd"] = described(_ref("etcd"), "What etcd is started with on this member.")
    hosts_or_request = [
        {"properties": {"hosts": {"minItems": 1}}, "required": ["hosts"]},
        {"required": ["request"]},
    ]
    return described(
        table(properties, anyOf=hosts_or_request),
        "An etcd server. It has a host at least, or a request of its own that has hosts.",
    )


def _proxy() -> Schema:
    properties = _server(
        "The name of its files. Proxies without one are called proxy1, proxy2 and so on.",
        "Hosts of its own. A proxy without any has those of the request that all servers share.",
    )
    return described(table(properties), "An etcd proxy.")


def _user() -> Schema:
    properties = {
        "name": described(COMPONENT_NAME, "The name of its files."),
        "cn": described(
            CN, "The CN of its certificate, which is its name in etcd: `name` if left out."
        ),
        "role": described(
            choice(each.name for each in PRESETS),
            "The preset whose permissions it gets. `tls-scaffold roles` tells what each may do.",
        ),
        "permissions": described(several(_ref("permission")), "What it may do in etcd."),
        "hosts": described(
            several(described(HOST, OF_HOST)),
            "Hosts in its certificate, for a user that is a server to others.",
        ),
        **_terms(),
        "usages": described(
            USAGES, "What its certificate is for: `server auth`, `client auth`, which is usual."
        ),
        **_files(),
    }
    return described(table(properties, required=["name"]), "A client identity of etcd.")


def _permission() -> Schema:
    properties = {
        "prefix": described(PREFIX, "All keys that begin so. An empty text stands for every key."),
        "key": described(ETCD_KEY, "This one key."),
        "from": described(ETCD_KEY, "The keys from this one on."),
        "to": described(PREFIX, "With `from`: only those before this one."),
        "access": described(choice(ACCESS), "What may be done there: read if left out."),
    }
    one_of = [{"required": [name]} for name in components.KEYS_FIELDS]
    return described(
        table(properties, oneOf=one_of, dependentRequired={"to": ["from"]}),
        "Keys of etcd, told by `prefix`, `key` or `from`, and what may be done with them.",
    )


def _etcd() -> Schema:
    listen = several(described(HOST, "An IP address."), 1)
    properties = {
        "data_dir": described(form(PATH), "The data directory, an absolute path."),
        "initial_cluster_state": described(
            choice(membersettings.STATES), "Whether a member begins a cluster or joins one: new."
        ),
        "client_port": described(
            number(membersettings.PORTS), "The port for clients: 2379 if left out."
        ),
        "peer_port": described(
            number(membersettings.PORTS), "The port for peers: 2380 if left out."
        ),
        "listen_client": described(
            listen, "Where it listens for clients: on the addresses among its hosts if left out."
        ),
        "listen_peer": described(
            listen, "Where it listens for peers: on the addresses among its hosts if left out."
        ),
        "auto_compaction": described(
            RETENTION, "How long old revisions stay: 1h if left out, `off` for always."
        ),
    }
    return described(table(properties), "What etcd is started with, beyond certificates.")


def _ca() -> Schema:
    path = custody.PATH.pattern
    properties = {
        "own": described(FLAG, "Whether the CA was brought: it is never made or renewed here."),
        "key": described(
            choice(custody.PLACES),
            "Where its key is, if not in certs/ in the clear: encrypted there, with a signing "
            "service, or on a machine to which requests are carried.",
        ),
        "remotes": described(
            divided(custody.SCHEME_AND_REST.pattern, 1),
            "The signing servers in their order, such as http://10.0.0.5:8888.",
        ),
        "label": described(form(custody.LABEL, NAME_LENGTH), "The label of the CA at its servers."),
        "auth_key": described(
            text(pattern=whole(f"env:{VARIABLE.pattern}|file:{path}")),
            f"Where the key for them is, never the key itself: {custody.AUTH_KEY} if left out.",
        ),
        "remote_ca": described(
            form(custody.PATH), "The PEM file by which the https of the servers is checked."
        ),
        "sha256": described(
            form(SHA256), "The SHA-256 of the CA's certificate, by which it is known."
        ),
    }
    with_remote: Schema = {
        "if": {"properties": {"key": {"const": REMOTE}}, "required": ["key"]},
        "then": {"required": ["remotes"]},
        "else": {"properties": dict.fromkeys(custody.OF_REMOTE, False)},
    }
    return described(table(properties, **with_remote), "Who holds the CA, and where its key is.")


def _forgotten() -> Schema:
    return table(
        {
            "users": described(several(_not_root(CN)), "The CNs of users, without root."),
            "roles": described(
                several(_not_root(text(forgotten.LONGEST, 1))), "The names of roles, without root."
            ),
        }
    )


def _not_root(name: Schema) -> Schema:
    return {**name, "not": {"const": ROOT}}


def _names() -> Schema:
    said = {
        "O": "The organization.",
        "OU": "The organizational unit.",
        "L": "The locality.",
        "ST": "The state or province.",
        "C": "The country, in two capital letters.",
    }
    properties = {
        word: described(
            {"anyOf": [SUBJECT_TEXTS[word], {**several(SUBJECT_TEXTS[word]), "uniqueItems": True}]},
            f"{what} A list gives several, an empty text none.",
        )
        for word, what in said.items()
    }
    return described(table(properties), "Names of a subject.")
