/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_PLUGIN_CONF_CONF_H
#define HC_PLUGIN_CONF_CONF_H
/* The options an operator sets: `plugin_opt_<name> <value>` lines of mosquitto.conf, as typed fields.
 *
 * All of them stand in one table (table.c): parser, checks, error texts and docs/configuration.md come from it. An option the table does
 * not know, a value of the wrong kind or out of range stops the start with one line that names the option and says what is allowed.
 *
 * Mosquitto hands out plugin options once, at start: its reload skips them. What SIGHUP can change therefore stands in a file of its own
 * (option limits_file, lines of `<name> <value>`), which conf_init reads behind the options and conf_reload reads again.
 *
 * Threads: any, one at a time; a filled struct conf may be read by many. conf_init and conf_reload read one small local file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum conf_outside { CONF_OUTSIDE_DEFER, CONF_OUTSIDE_ALLOW, CONF_OUTSIDE_DENY };
enum conf_certificates { CONF_CERTIFICATES_REFUSE, CONF_CERTIFICATES_USER, CONF_CERTIFICATES_DEVICE };
enum conf_unencrypted { CONF_UNENCRYPTED_WARN, CONF_UNENCRYPTED_REFUSE, CONF_UNENCRYPTED_ALLOW };
enum conf_quotes { CONF_QUOTES_ERASE, CONF_QUOTES_KEEP };
enum conf_migrate { CONF_MIGRATE_AUTO, CONF_MIGRATE_MANUAL };
enum conf_doorbell { CONF_DOORBELL_AUTO, CONF_DOORBELL_SIGNAL };
enum conf_body { CONF_BODY_FULL, CONF_BODY_NONE, CONF_BODY_ENCRYPTED };
enum conf_preview { CONF_PREVIEW_ON, CONF_PREVIEW_OFF };

/* A setting that is handed on to a library as it is. */
struct conf_property {
	char *name, *value;
};

/* What each means stands in table.c. Texts are never NULL; an option without a value is "". */
struct conf {
	char *prefix;
	enum conf_outside outside;
	/* identity */
	char *keys;
	char *issuer;
	char *audience;
	char *user_claim;
	uint64_t leeway_s;
	char *oidc;
	char *issuers_file;
	char *oidc_ca;
	char *oidc_cache;
	char *name_claim;
	char *operator_claim;
	char *operator_role;
	char *operators;
	char *invitation_url;
	char *proxies;
	enum conf_certificates certificates;
	enum conf_unencrypted unencrypted;
	/* storage */
	char *store;
	char *writer;
	char *journal;
	uint64_t journal_bytes;
	enum conf_quotes quotes;
	enum conf_migrate migrate;
	/* threads */
	uint64_t readers;
	enum conf_doorbell doorbell;
	/* Kafka */
	char *kafka;
	char *kafka_topic;
	enum conf_body kafka_body;
	char *kafka_push_topic;
	uint64_t push_delay_s;
	uint64_t push_ttl_s;
	enum conf_preview push_preview;
	char *kafka_activity_topic;
	/* operation */
	char *metrics_file;
	/* limits: all can be changed by SIGHUP */
	char *limits_file;
	uint64_t body_bytes_max;
	uint64_t page_max;
	uint64_t commands_per_second;
	uint64_t commands_burst;
	uint64_t bytes_per_second;
	uint64_t rpc_in_flight_max;
	uint64_t new_contacts_per_hour;
	uint64_t icons_per_hour;
	uint64_t chats_max;
	uint64_t devices_max;
	uint64_t large_group;
	uint64_t subscriptions_max;
	uint64_t subscriptions_per_second;
	uint64_t typing_per_second;
	uint64_t calls_per_second;
	uint64_t reply_bytes_per_second;
	uint64_t deliveries_per_tick;
	uint64_t inbox_bytes_max;
	uint64_t failed_logins_per_minute;
	uint64_t connects_per_minute;

	/* kafka_<name> beside the table's, for librdkafka: dots in place of the underscores. What it does not take is for whoever opens it to say. */
	struct conf_property *kafka_properties;
	size_t kafka_property_count;

	uint64_t *configured; /* conf.c's own: the limits as they are without the limits file */
};

struct conf_pair {
	const char *key;   /* without plugin_opt_ */
	const char *value; /* NULL counts as empty */
};

/* Fills conf from the options in any order, the limits file, and the defaults for the rest.
 *
 * false: err->text is the line for the log; conf is empty (conf_fini is allowed, not needed).
 * true: end with conf_fini. */
bool conf_init(struct conf *conf, const struct conf_pair *pairs, size_t pair_count, struct error *err);

/* Fills fresh for a SIGHUP: old's options with the limits file read again; a limit that is not in the file any more is what
 * mosquitto.conf says. changes gets one line for each option that differs, "body_max: 16384 -> 32768\n", nothing when none does.
 *
 * false: the file is broken, err says where; the caller goes on with old. old is untouched either way. */
bool conf_reload(const struct conf *old, struct conf *fresh, struct buf *changes, struct error *err);

/* Frees what conf holds. A zeroed conf is fine. */
void conf_fini(struct conf *conf);

/* docs/configuration.md, from the table. */
void conf_manual(struct buf *out);

/* conf/hyperchat-options.conf, from the table: every option with its default, commented out. */
void conf_sample(struct buf *out);

#endif
