/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The metrics. Data only. */
#include "plugin/broker/metrics_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define COUNTED(field) .offset = offsetof(struct sample, counters.field)
#define READ(field) .offset = offsetof(struct sample, readings.field)
#define BY(label_name, words) .label = label_name, .values = words, .value_count = COUNT_OF(words)

static const char *const login_refusals[LOGIN_REFUSAL_COUNT] = {
	[LOGIN_EXPIRED] = "expired", [LOGIN_NOT_YET] = "not_yet", [LOGIN_NO_KEY] = "no_key", [LOGIN_BAD_TOKEN] = "bad_token",
	[LOGIN_USERNAME] = "username", [LOGIN_CLIENT_ID] = "client_id", [LOGIN_ACCOUNT] = "account", [LOGIN_STORE_AWAY] = "store_away",
	[LOGIN_TOO_MANY] = "too_many", [LOGIN_REVOKED] = "revoked", [LOGIN_UNENCRYPTED] = "unencrypted", [LOGIN_CERTIFICATE] = "certificate",
	[LOGIN_DRAINING] = "draining"};
static const char *const refusals[REFUSAL_COUNT] = {
	[REFUSAL_BAD_REQUEST] = "bad_request", [REFUSAL_FORBIDDEN] = "forbidden", [REFUSAL_GONE] = "gone", [REFUSAL_CONFLICT] = "conflict",
	[REFUSAL_ID_REUSED] = "id_reused", [REFUSAL_TOO_LARGE] = "too_large", [REFUSAL_RATE_LIMITED] = "rate_limited",
	[REFUSAL_UNAVAILABLE] = "unavailable"};
static const char *const store_failures[STORE_RC_COUNT] = {
	[STORE_UNAVAILABLE] = "unavailable", [STORE_UNKNOWN] = "unknown", [STORE_REFUSED] = "refused", [STORE_CORRUPT] = "corrupt"};
static const char *const append_results[APPEND_RESULT_COUNT] = {
	[APPEND_OK] = "ok", [APPEND_CONFLICT] = "conflict", [APPEND_NOTHING_ADDED] = "nothing_added", [APPEND_UNKNOWN] = "unknown"};
static const char *const kept_kinds[KEPT_KINDS] = {"receipts", "places", "devices", "names", "notices", "accounts"};
static const char *const mirrors[MIRROR_COUNT] = {[MIRROR_TRANSACTIONS] = "transactions", [MIRROR_PUSH] = "push"};

/* clang-format off */
const struct metric metrics_table[] = {
	{"build_info", METRIC_INFO, .help = "1; the versions of the plugin and of Mosquitto are its labels"},
	{"start_time_seconds", METRIC_GAUGE, READ(started_s), .help = "When the plugin started, in seconds since 1970"},

	{"sessions", METRIC_GAUGE, READ(sessions), .help = "Connections of users that are logged in"},
	{"users", METRIC_GAUGE, READ(users), .help = "Users with at least one connection"},
	{"logins_total", METRIC_COUNTER, .rate = true, COUNTED(logins), .help = "Logins that were accepted"},
	{"logins_refused_total", METRIC_COUNTER, COUNTED(logins_refused), BY("reason", login_refusals),
		.help = "Logins that were refused: the token is over (`expired`), its time has not come (`not_yet`: a clock is wrong), its key is not here "
			"yet and the client comes again (`no_key`), it is not valid here (`bad_token`), it does not go with the username or the client ID, the "
			"`account` was deleted, the store is not open yet (`store_away`), the token was `revoked` or its user is banned (`revoked` as well), its address or device came too often with bad ones "
			"or at all (`too_many`), the token came without TLS (`unencrypted`), the broker is being drained (`draining`); and certificates that let nobody in (`certificate`)"},
	{"renewals_total", METRIC_COUNTER, COUNTED(renewals), .help = "Connections that went on with a fresh token"},
	{"renewals_refused_total", METRIC_COUNTER, COUNTED(renewals_refused), .help = "Fresh tokens that were refused"},

	{"commands_total", METRIC_COUNTER, .rate = true, COUNTED(commands), .help = "Commands that were taken: they are in the journal and acknowledged"},
	{"commands_not_taken_total", METRIC_COUNTER, COUNTED(commands_not_taken),
		.help = "Commands that could not be taken, as the journal was full or too many waited; their clients send them again"},
	{"commands_refused_total", METRIC_COUNTER, COUNTED(refusals), BY("code", refusals),
		.help = "Commands, receipts, typing and subscriptions that were refused, by the code that the client got"},
	{"commands_waiting", METRIC_GAUGE, READ(commands_waiting), .help = "Commands that are taken and not answered yet"},
	{"signals_total", METRIC_COUNTER, .rate = true, COUNTED(signals), .help = "Receipts and typing that were taken"},
	{"calls_total", METRIC_COUNTER, .rate = true, COUNTED(calls), .help = "RPC calls that were answered"},
	{"call_errors_total", METRIC_COUNTER, COUNTED(call_errors), BY("code", refusals), .help = "Those answered by an error, by its code"},
	{"chats_in_memory", METRIC_GAUGE, READ(chats), .help = "Chats that are in memory"},
	{"transactions_total", METRIC_COUNTER, .rate = true, READ(transactions), .help = "Transactions that this broker committed"},
	{"transactions_shown_total", METRIC_COUNTER, COUNTED(transactions_shown),
		.help = "Transactions that were shown to members here; other brokers' as well"},
	{"lines_delivered_total", METRIC_COUNTER, .rate = true, COUNTED(lines), .help = "Lines for inboxes that were handed to the broker, live; what was missed comes in packets of its own"},
	{"packets_delivered_total", METRIC_COUNTER, .rate = true, COUNTED(packets), .help = "Packets that were handed to the broker, for one client or for the listeners to a chat's events"},
	{"delivered_bytes_total", METRIC_COUNTER, COUNTED(packet_bytes), .help = "Bytes of payload in them"},

	{"store_open", METRIC_GAUGE, READ(store_open), .help = "1: the store is open; 0: it has not answered since the start, and logins are refused"},
	{"store_failing", METRIC_GAUGE, READ(store_failing), .help = "1: the store takes no messages at the moment, they wait in the journal"},
	{"store_writes_failing", METRIC_GAUGE, READ(kept_failing), BY("kind", kept_kinds),
		.help = "Writes beside messages that the store refuses at the moment and that are tried again"},
	{"store_append_seconds", METRIC_HISTOGRAM, READ(append), .help = "How long the store took for an append, of all that waited then, until it was durable"},
	{"store_append_failures_total", METRIC_COUNTER, READ(append_failures), BY("kind", store_failures),
		.help = "Appends that failed, and are repeated: `unknown` may have happened, `unavailable` has not"},
	{"store_appends_total", METRIC_COUNTER, READ(appends), BY("result", append_results),
		.help = "What became of each chat's part of an append; a `conflict` is with another broker and is decided again"},
	{"store_read_failures_total", METRIC_COUNTER, COUNTED(read_failures), BY("kind", store_failures), .help = "Reads that failed, and are repeated"},
	{"store_write_queue", METRIC_GAUGE, READ(lane_queue), .help = "Writes that wait for the store or are under way"},
	{"store_read_queue", METRIC_GAUGE, READ(reader_queue), .help = "Reads that wait for a reader or are under way"},
	{"store_checkpoints_total", METRIC_COUNTER, COUNTED(checkpoints), .help = "Checkpoints of the store that were made (SQLite)"},
	{"store_checkpoint_failures_total", METRIC_COUNTER, COUNTED(checkpoint_failures), .help = "Those that failed; being held up by a reader is no failure"},
	{"erasures_pending", METRIC_GAUGE, READ(erasures), .help = "1: something was erased and may still be in the journal's files, for a second or two"},
	{"accounts_closing", METRIC_GAUGE, READ(closing_accounts), .help = "Deleted accounts whose chats and texts are not all dealt with yet"},

	{"journal_size_bytes", METRIC_GAUGE, READ(journal_size), .help = "Room for commands in the journal"},
	{"journal_used_bytes", METRIC_GAUGE, READ(journal_used), .help = "What of it cannot be used now; above four fifths it may be full for the next command"},
	{"journal_records", METRIC_GAUGE, READ(journal_records), .help = "Commands in the journal that are not decided and stored"},
	{"journal_oldest_seconds", METRIC_GAUGE, READ(journal_oldest_s), .help = "How long the oldest of them has waited; 0: there is none"},
	{"journal_corrupt_total", METRIC_COUNTER, READ(journal_corrupt), .help = "Damaged records that were passed over"},
	{"journal_quarantined_total", METRIC_COUNTER, READ(journal_quarantined), .help = "Records that were put aside into the quarantine file"},

	{"kafka_lag_transactions", METRIC_GAUGE, READ(mirror_lag), BY("mirror", mirrors),
		.help = "Transactions that are committed and not at Kafka; an estimate until the first commit after a start. All `kafka_…` only where the option `kafka` is set"},
	{"kafka_lag_seconds", METRIC_GAUGE, READ(mirror_lag_s), BY("mirror", mirrors), .help = "How old the oldest of them is; 0: there is none"},
	{"kafka_in_flight", METRIC_GAUGE, READ(mirror_in_flight), BY("mirror", mirrors), .help = "Transactions that are handed to Kafka's client and not acknowledged"},
	{"kafka_stuck", METRIC_GAUGE, READ(mirror_stuck), BY("mirror", mirrors), .help = "1: Kafka has acknowledged nothing since the last time, and something has waited for 5 s or more; or the mirror has to wait until Kafka or the store takes or gives something again"},
	{"kafka_holds_lease", METRIC_GAUGE, READ(mirror_lease), BY("mirror", mirrors), .help = "1: this broker is the one that mirrors what it writes"},
	{"kafka_delivered_total", METRIC_COUNTER, READ(mirror_delivered), BY("mirror", mirrors), .help = "Transactions that Kafka acknowledged; repetitions count"},
	{"kafka_cut_total", METRIC_COUNTER, READ(mirror_cut), BY("mirror", mirrors), .help = "Those that were too large for the topic and went without all of their text"},
	{"kafka_refused_total", METRIC_COUNTER, READ(mirror_refused), BY("mirror", mirrors), .help = "Other records that Kafka did not want"},
	{"kafka_restarts_total", METRIC_COUNTER, READ(mirror_restarts), BY("mirror", mirrors), .help = "How often Kafka's client had to begin anew after an error"},
	{"kafka_pushes_total", METRIC_COUNTER, READ(pushes), .help = "Pushes that were made and given to Kafka; repetitions count, and what the topic refuses afterwards (`kafka_refused_total`). Only with `kafka_push_topic`"},
	{"kafka_pushes_left_out_total", METRIC_COUNTER, READ(pushes_left_out), .help = "Pushes that were not made because what the store has of the member, or of the message, is damaged; the log names them. Only with `kafka_push_topic`"},
	{"kafka_activity_dropped_total", METRIC_COUNTER, READ(activity_dropped), .help = "Receipts and people who came or went that Kafka did not take at the moment. Only with `kafka_activity_topic`"},

	{"cluster_failing", METRIC_GAUGE, READ(cluster_failing), .help = "1: what other brokers write cannot be read at the moment; only with a shared store"},

	{"issuers", METRIC_GAUGE, READ(issuers), .help = "Issuers whose tokens are believed"},
	{"issuers_failing", METRIC_GAUGE, READ(issuers_failing), .help = "Those whose keys could not be fetched the last time"},
	{"issuer_keys", METRIC_GAUGE, READ(issuer_keys), .help = "Keys that tokens are verified with"},
	{"issuer_keys_age_seconds", METRIC_GAUGE, READ(issuer_keys_age_s), .help = "How long ago the keys were fetched that have been here longest; only with discovery"},
	{"issuer_fetches_total", METRIC_COUNTER, READ(issuer_fetches), .help = "Fetches of keys"},
	{"issuer_fetch_failures_total", METRIC_COUNTER, READ(issuer_fetch_failures), .help = "Those that came to nothing"},

	{"callbacks_total", METRIC_COUNTER, .rate = true, COUNTED(callbacks), .help = "How often the broker called the plugin"},
	{"callback_seconds_total", METRIC_SECONDS, .rate = true, COUNTED(callbacks_us),
		.help = "The time that it spent there: its rate is the share of the broker's only thread that the plugin takes"},
	{"callbacks_long_total", METRIC_COUNTER, COUNTED(long_callbacks), .help = "Callbacks that took 20 ms or more: nobody was served meanwhile"},
	{"longest_callback_seconds", METRIC_GAUGE, READ(longest_callback_s), .help = "The longest one since the start"},
	{"longest_callback_interval_seconds", METRIC_GAUGE, READ(interval_callback_s), .help = "The longest one since the last time that these numbers were collected"},

	{"metrics_file_failures_total", METRIC_COUNTER, COUNTED(metrics_file_failures), .help = "How often the file of the option `metrics_file` could not be written"},
	{"collected_timestamp_seconds", METRIC_GAUGE, READ(collected_s), .help = "When these numbers were collected, in seconds since 1970; the last topic that is published"},
};
/* clang-format on */

const size_t metrics_count = COUNT_OF(metrics_table);
