/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The options: the one place that says what an operator can set. Data only. Names have at least two letters because Mosquitto refuses
 * shorter ones. An option stands here only if somebody has a reason to change it. */
#include "plugin/conf/table.h"

#include "plugin/conf/conf.h"

#define FIELD(name) offsetof(struct conf, name)

static const char *const outside_choices[] = {
	[CONF_OUTSIDE_DEFER] = "defer", [CONF_OUTSIDE_ALLOW] = "allow", [CONF_OUTSIDE_DENY] = "deny", NULL};
static const char *const certificates_choices[] = {
	[CONF_CERTIFICATES_REFUSE] = "refuse", [CONF_CERTIFICATES_USER] = "user", [CONF_CERTIFICATES_DEVICE] = "device", NULL};
static const char *const unencrypted_choices[] = {
	[CONF_UNENCRYPTED_WARN] = "warn", [CONF_UNENCRYPTED_REFUSE] = "refuse", [CONF_UNENCRYPTED_ALLOW] = "allow", NULL};
static const char *const quotes_choices[] = {[CONF_QUOTES_ERASE] = "erase", [CONF_QUOTES_KEEP] = "keep", NULL};
static const char *const migrate_choices[] = {[CONF_MIGRATE_AUTO] = "auto", [CONF_MIGRATE_MANUAL] = "manual", NULL};
static const char *const doorbell_choices[] = {[CONF_DOORBELL_AUTO] = "auto", [CONF_DOORBELL_SIGNAL] = "signal", NULL};
static const char *const body_choices[] = {
	[CONF_BODY_FULL] = "full", [CONF_BODY_NONE] = "none", [CONF_BODY_ENCRYPTED] = "encrypted", NULL};
static const char *const preview_choices[] = {[CONF_PREVIEW_ON] = "on", [CONF_PREVIEW_OFF] = "off", NULL};

const char *const option_group_titles[GROUP_COUNT] = {
	[GROUP_TOPICS] = "Topics",
	[GROUP_IDENTITY] = "Who is connected",
	[GROUP_STORAGE] = "Storage",
	[GROUP_THREADS] = "Threads",
	[GROUP_KAFKA] = "Kafka",
	[GROUP_OPERATION] = "Operation",
	[GROUP_LIMITS] = "Limits",
};

/* An option reads best as two lines. */
/* clang-format off */
const struct option option_table[] = {
	{.name = "prefix", .group = GROUP_TOPICS, .type = OPTION_LEVEL, .offset = FIELD(prefix), .min = 1, .max = 32, .value = "hc",
		.help = "The first level of all topics of HyperChat."},
	{.name = "outside", .group = GROUP_TOPICS, .type = OPTION_CHOICE, .offset = FIELD(outside), .choices = outside_choices,
		.value = "defer",
		.help = "What happens to topics and logins that are not HyperChat's: leave them to other plugins and ACLs, allow, or deny."},

	{.name = "keys", .group = GROUP_IDENTITY, .type = OPTION_FILE, .offset = FIELD(keys), .max = 4096, .value = "",
		.help = "File with the keys that tokens are verified with: a JWK Set, or PEM. SIGHUP reads it again. Needed without `oidc` and `issuers_file`."},
	{.name = "issuer", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(issuer), .max = 512, .value = "",
		.help = "The `iss` of the tokens that `keys` verifies, exactly. Needed with `keys`."},
	{.name = "audience", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(audience), .max = 512, .value = "",
		.help = "The token's `aud` must be, or contain, exactly this. Needed with `keys` and with `oidc`."},
	{.name = "user_claim", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(user_claim), .min = 1, .max = 64,
		.value = "sub",
		.help = "The claim that is the user's ID; `realm_access.user` is a member of another one."},
	{.name = "leeway", .group = GROUP_IDENTITY, .type = OPTION_NUMBER, .offset = FIELD(leeway_s), .min = 0, .max = 300,
		.unit = "seconds", .value = "30",
		.help = "How far the clocks of token issuer and broker may be apart when `exp`, `nbf` and `iat` are checked."},
	{.name = "oidc", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(oidc), .max = 512, .value = "",
		.help = "An OpenID Connect issuer, as `https://login.example.com`: its keys are found by discovery. See [sign-on.md](sign-on.md)."},
	{.name = "issuers_file", .group = GROUP_IDENTITY, .type = OPTION_FILE, .offset = FIELD(issuers_file), .max = 4096, .value = "",
		.help = "JSON file with several issuers, read at start and by SIGHUP: [sign-on.md](sign-on.md)."},
	{.name = "oidc_ca", .group = GROUP_IDENTITY, .type = OPTION_FILE, .offset = FIELD(oidc_ca), .max = 4096, .value = "",
		.help = "PEM file with the authorities that may have signed the issuers' TLS certificates, instead of the system's."},
	{.name = "oidc_cache", .group = GROUP_IDENTITY, .type = OPTION_FILE, .offset = FIELD(oidc_cache), .max = 4096, .value = "",
		.help = "Directory in which the last keys of the issuers are kept for a restart while one is away; without it, that of the journal."},
	{.name = "name_claim", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(name_claim), .max = 64, .value = "",
		.help = "The claim that becomes the user's name when he logs in for the first time, as `name`."},
	{.name = "operator_claim", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(operator_claim), .max = 64, .value = "",
		.help = "The claim, a text or an array of texts, that says who is an operator, as `realm_access.roles`: who may read the metrics on `$SYS` and "
			"[administer](operations.md#administration) the running broker."},
	{.name = "operator_role", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(operator_role), .min = 1, .max = 256,
		.value = "hyperchat-operator", .help = "What has to be in that claim."},
	{.name = "operators", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(operators), .max = 4096, .value = "",
		.help = "User IDs with commas between who are operators whatever their tokens say; not by a device token. Without this and `operator_claim`, nobody is."},
	{.name = "invitation_url", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(invitation_url), .min = 0, .max = 512,
		.value = "hyperchat:invite/",
		.help = "What an invitation link begins with; 22 characters of secret follow. Your app's address, as `https://chat.example/invite#`."},
	{.name = "proxies", .group = GROUP_IDENTITY, .type = OPTION_TEXT, .offset = FIELD(proxies), .max = 512, .value = "127.0.0.0/8,::1",
		.help = "Addresses and networks of reverse proxies, behind which clients cannot be told apart: failed logins from there are not counted for the "
			"address. See [sign-on.md](sign-on.md#attacks)."},
	{.name = "certificates", .group = GROUP_IDENTITY, .type = OPTION_CHOICE, .offset = FIELD(certificates), .choices = certificates_choices,
		.value = "refuse",
		.help = "Clients without a token on listeners with `use_identity_as_username` or `use_subject_as_username`: `refuse` them, or their certificate's "
			"name is the `user`, or `<user>/<device>` (`device`). See [sign-on.md](sign-on.md#client-certificates)."},
	{.name = "unencrypted", .group = GROUP_IDENTITY, .type = OPTION_CHOICE, .offset = FIELD(unencrypted), .choices = unencrypted_choices,
		.value = "warn",
		.help = "A token that comes without TLS from another machine, which is none of `proxies`: `warn` of it once, `refuse` it, or `allow` it."},

	{.name = "store", .group = GROUP_STORAGE, .type = OPTION_STORE, .offset = FIELD(store), .min = 1, .max = 4096,
		.value = "sqlite:/var/lib/mosquitto/hyperchat.db",
		.help = "Where chats are kept: `sqlite:<file>`; `mongodb://…` or `mongodb+srv://…`; `memory:` for trying out (a restart forgets)."},
	{.name = "journal", .group = GROUP_STORAGE, .type = OPTION_FILE, .offset = FIELD(journal), .min = 1, .max = 4096,
		.value = "/var/lib/mosquitto/hyperchat.journal",
		.help = "File in which a command survives a crash of the broker until the store has it. May be on a memory file system."},
	{.name = "journal_size", .group = GROUP_STORAGE, .type = OPTION_BYTES, .offset = FIELD(journal_bytes), .min = 1 << 20,
		.max = 4ull << 30, .unit = "bytes", .value = "64M",
		.help = "Size of the journal, allocated at start: what can wait while the store is away."},
	{.name = "quotes", .group = GROUP_STORAGE, .type = OPTION_CHOICE, .offset = FIELD(quotes), .choices = quotes_choices, .value = "erase",
		.help = "What becomes of replies' quotes of a message that is deleted: `erase` them with it, or `keep` them. Decided when it is deleted."},
	{.name = "migrate", .group = GROUP_STORAGE, .type = OPTION_CHOICE, .offset = FIELD(migrate), .choices = migrate_choices, .value = "auto",
		.help = "What becomes of a store with an older schema: `auto` migrates it at start, `manual` refuses it until `hyperchatctl migrate` has."},

	{.name = "writer", .group = GROUP_STORAGE, .type = OPTION_TEXT, .offset = FIELD(writer), .max = 32, .value = "",
		.help = "This broker's name among those that share a store: each has one of its own, and keeps it. Empty: the host's name. SQLite goes without."},

	{.name = "readers", .group = GROUP_THREADS, .type = OPTION_NUMBER, .offset = FIELD(readers), .min = 1, .max = 32, .unit = "threads",
		.value = "2",
		.help = "Threads that read from the store: catch-up, chat loading, RPC."},
	{.name = "doorbell", .group = GROUP_THREADS, .type = OPTION_CHOICE, .offset = FIELD(doorbell), .choices = doorbell_choices,
		.value = "auto",
		.help = "How workers wake the broker: `auto` uses its epoll where that is known to work (30 µs faster), else a signal."},

	{.name = "kafka", .group = GROUP_KAFKA, .type = OPTION_TEXT, .offset = FIELD(kafka), .max = 4096, .value = "",
		.help = "Kafka's servers, `<host>:<port>` with commas between: every transaction goes there (docs/kafka.md). Without it, none does."},
	{.name = "kafka_topic", .group = GROUP_KAFKA, .type = OPTION_TEXT, .offset = FIELD(kafka_topic), .min = 1, .max = 249,
		.value = "hyperchat.transactions",
		.help = "The topic of the transactions."},
	{.name = "kafka_body", .group = GROUP_KAFKA, .type = OPTION_CHOICE, .offset = FIELD(kafka_body), .choices = body_choices, .value = "full",
		.help = "What goes there of messages' texts: `full`, `none` of it, or `encrypted` under a key of the chat, which is erased with it."},
	{.name = "kafka_push_topic", .group = GROUP_KAFKA, .type = OPTION_TEXT, .offset = FIELD(kafka_push_topic), .max = 249, .value = "",
		.help = "The topic of pushes, as `hyperchat.push`: a record for each message and each member who is away. Without it, none are made."},
	{.name = "push_delay", .group = GROUP_KAFKA, .type = OPTION_NUMBER, .offset = FIELD(push_delay_s), .min = 2, .max = 60, .unit = "seconds",
		.value = "2",
		.help = "How long a message waits for its members to have it before pushes are made."},
	{.name = "push_ttl", .group = GROUP_KAFKA, .type = OPTION_NUMBER, .offset = FIELD(push_ttl_s), .min = 60, .max = 28 * 86400,
		.unit = "seconds", .value = "86400",
		.help = "How old a message may be for a push: its `expires`, and what is older when its turn comes makes none."},
	{.name = "push_preview", .group = GROUP_KAFKA, .type = OPTION_CHOICE, .offset = FIELD(push_preview), .choices = preview_choices,
		.value = "on",
		.help = "Whether a push has the first 100 characters of the message; never where `kafka_body` is not `full`."},
	{.name = "kafka_activity_topic", .group = GROUP_KAFKA, .type = OPTION_TEXT, .offset = FIELD(kafka_activity_topic), .max = 249, .value = "",
		.help = "The topic of receipts, and of who comes and goes, as `hyperchat.activity`. Without it, they are not told."},

	{.name = "metrics_file", .group = GROUP_OPERATION, .type = OPTION_FILE, .offset = FIELD(metrics_file), .max = 4096, .value = "",
		.help = "File in which the metrics are written for Prometheus, as its node exporter reads them (`….prom`): [operations.md](operations.md#metrics)."},

	{.name = "limits_file", .group = GROUP_LIMITS, .type = OPTION_FILE, .offset = FIELD(limits_file), .max = 4096, .value = "",
		.help = "File with limits, read at start and by SIGHUP: `<name> <value>` lines without `plugin_opt_`, `#` starts a comment. They win over the options here."},
	{.name = "body_max", .group = GROUP_LIMITS, .type = OPTION_BYTES, .offset = FIELD(body_bytes_max), .min = 256, .max = 32 << 10,
		.unit = "bytes", .value = "16K", .reloadable = true,
		.help = "The longest body of a message. A whole publish, with its JSON escapes, has to fit into a journal record of 64 KB."},
	{.name = "page_max", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(page_max), .min = 1, .max = 1000, .unit = "items",
		.value = "200", .reloadable = true,
		.help = "The most transactions or chats in one answer."},
	{.name = "commands_per_second", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(commands_per_second), .min = 1,
		.max = 1000000, .value = "50", .reloadable = true,
		.help = "What a user may send lastingly, per second."},
	{.name = "commands_burst", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(commands_burst), .min = 1, .max = 1000000,
		.value = "1000", .reloadable = true,
		.help = "What a user who was quiet may send at once."},
	{.name = "bytes_per_second", .group = GROUP_LIMITS, .type = OPTION_BYTES, .offset = FIELD(bytes_per_second), .min = 1 << 10,
		.max = 1 << 30, .unit = "bytes", .value = "1M", .reloadable = true,
		.help = "The same in bytes of payload, also of calls that read and are longer than 1 KB; the burst is as many seconds' worth as that of commands."},
	{.name = "rpc_in_flight", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(rpc_in_flight_max), .min = 1, .max = 64,
		.value = "8", .reloadable = true,
		.help = "RPC calls of one user that may be under way at once."},
	{.name = "new_contacts_per_hour", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(new_contacts_per_hour), .min = 1,
		.max = 1000000, .value = "20", .reloadable = true,
		.help = "People a user may open a 1:1 chat with, add to groups without having one with them, or ask for by a shared ID or an invitation, and "
			"invitations he may make and device tokens he may get, per hour. One call that adds many costs an hour's worth at the most."},
	{.name = "icons_per_hour", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(icons_per_hour), .min = 1, .max = 1000000,
		.value = "20", .reloadable = true,
		.help = "Icons of up to 32 KB that a user may store, for himself and for groups, per hour. One that is not used any more is kept for a day."},
	{.name = "chats_max", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(chats_max), .min = 1, .max = 100000,
		.value = "2000", .reloadable = true,
		.help = "Chats a user may be a member of."},
	{.name = "devices_max", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(devices_max), .min = 2, .max = 100000,
		.value = "200", .reloadable = true,
		.help = "Devices of a user whose place in his chats is kept. A new one takes the place of the one that was away longest; those that can be woken or "
			"have a device token stay, and so do those that are connected, and, while there are at most twice as many, those that were within two days."},
	{.name = "large_group", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(large_group), .min = 2, .max = 1000000,
		.value = "200", .unit = "members", .reloadable = true,
		.help = "In a group of more members the inbox only says that there is something new; the stream is `events`. Who types is not told there."},
	{.name = "subscriptions_max", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(subscriptions_max), .min = 1, .max = 32,
		.value = "32", .reloadable = true,
		.help = "Filters below `hc/me/` that a connection may subscribe to."},
	{.name = "subscriptions_per_second", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(subscriptions_per_second), .min = 1,
		.max = 10000, .value = "10", .reloadable = true,
		.help = "Filters below `hc/me/` that a user may subscribe to, lastingly; sixty times as many at once."},
	{.name = "typing_per_second", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(typing_per_second), .min = 1, .max = 1000,
		.value = "2", .reloadable = true,
		.help = "Typing events of a user, lastingly; ten times as many at once. They count as commands as well."},
	{.name = "calls_per_second", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(calls_per_second), .min = 1, .max = 1000000,
		.value = "50", .reloadable = true,
		.help = "RPC calls of a user that change nothing, lastingly; twenty times as many at once. Those that change something count as commands."},
	{.name = "reply_bytes_per_second", .group = GROUP_LIMITS, .type = OPTION_BYTES, .offset = FIELD(reply_bytes_per_second), .min = 1 << 10,
		.max = 1 << 30, .unit = "bytes", .value = "2M", .reloadable = true,
		.help = "What a user may be answered by RPC, lastingly; twenty times as much at once. The call that goes beyond is answered, the next ones wait."},
	{.name = "deliveries_per_tick", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(deliveries_per_tick), .min = 16,
		.max = 100000, .value = "2000", .reloadable = true,
		.help = "Packets handed to the broker before it gets a turn of its own."},
	{.name = "inbox_bytes_max", .group = GROUP_LIMITS, .type = OPTION_BYTES, .offset = FIELD(inbox_bytes_max), .min = 1 << 10,
		.max = 1 << 20, .unit = "bytes", .value = "64K", .reloadable = true,
		.help = "The longest inbox packet and RPC answer, unless a client asks for less."},
	{.name = "failed_logins_per_minute", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(failed_logins_per_minute), .min = 0,
		.max = 1000000, .value = "60", .reloadable = true,
		.help = "Logins from an address (IPv6: a /64) that may fail, at once and lastingly; more are refused unseen for a while. 0: any number."},
	{.name = "connects_per_minute", .group = GROUP_LIMITS, .type = OPTION_NUMBER, .offset = FIELD(connects_per_minute), .min = 0,
		.max = 1000000, .value = "60", .reloadable = true,
		.help = "Logins of one client ID that succeed, at once and lastingly; of a user in all ten times as many, where those without a device count a tenth. More are told to come later. 0: any number."},
};
/* clang-format on */

const size_t option_count = sizeof option_table / sizeof option_table[0];
