/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl device-keys: the keys of device tokens. One thread, blocks. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/signing.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"
#include "plugin/ctl/when.h"

static bool worked(const struct ctl_command *command, enum store_rc rc, const struct error *err)
{
	if (rc != STORE_OK)
		ctl_failed(command, "%s", err->text);
	return rc == STORE_OK;
}

static void print_json(const struct signing_key *key, bool signs)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "kid", key->kid);
	object_add_i64(&line, "createdAt", key->created_at_ms);
	object_add_bool(&line, "signs", signs);
	object_print(&line);
}

static void print(const struct signing_key *key, bool signs)
{
	char made[WHEN_SIZE];
	when_print(key->created_at_ms, made);
	printf("%-12s  made %s%s\n", key->kid, made, signs ? ", signs" : "");
}

static int list(const struct ctl_command *command, struct store *store, const char *kid, bool as_json)
{
	struct signing_key_list *keys;
	struct error err;
	(void)kid;
	if (!worked(command, store_ops(store)->list_signing_keys(store, &keys, &err), &err))
		return CTL_FAILED;
	if (keys->count == 0 && !as_json)
		puts("none yet: the first token that is asked for makes one");
	for (size_t i = 0; i < keys->count; i++)
		(as_json ? print_json : print)(&keys->keys[i], i == 0);
	store_free(keys);
	return CTL_OK;
}

static int tell(const struct ctl_command *command, struct store *store, const char *kid)
{
	struct error err;
	return worked(command, store_ops(store)->put_notice(store, NOTICE_KEYS, kid, clock_wall_ms(), &err), &err) ? CTL_OK : CTL_FAILED;
}

static void print_kid(const char *kid)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "kid", kid);
	object_print(&line);
}

static bool is_there(const struct signing_key_list *keys, const char *kid)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->keys[i].kid, kid) == 0)
			return true;
	return false;
}

/* As list prints it. */
static int note(const struct ctl_command *command, struct store *store, const char *kid, const char *verb)
{
	struct buf details = BUF_EMPTY;
	buf_printf(&details, "{\"verb\":\"%s\"}", verb);
	int rc = audit_note(command, store, kid, details.data, "ok");
	buf_fini(&details);
	return rc;
}

static int drop(const struct ctl_command *command, struct store *store, const char *kid, bool as_json)
{
	struct signing_key_list *keys;
	struct error err;
	if (!worked(command, store_ops(store)->list_signing_keys(store, &keys, &err), &err))
		return CTL_FAILED;
	bool there = is_there(keys, kid);
	store_free(keys);
	if (!there) { /* perhaps it was dropped, and nobody could be told */
		tell(command, store, "");
		return ctl_failed(command, "there is no key '%s'", kid);
	}
	if (!worked(command, store_ops(store)->drop_signing_key(store, kid, &err), &err))
		return CTL_FAILED;
	if (as_json)
		print_kid(kid);
	return tell(command, store, kid) == CTL_OK ? note(command, store, kid, "drop") : CTL_FAILED;
}

static int rotate(const struct ctl_command *command, struct store *store, const char *ignored, bool as_json)
{
	char kid[KID_MAX + 1];
	struct error err;
	(void)ignored;
	if (!worked(command, signing_key_add(store, clock_wall_ms(), kid, &err), &err))
		return CTL_FAILED;
	if (as_json)
		print_kid(kid);
	else
		puts(kid);
	return tell(command, store, kid) == CTL_OK ? note(command, store, kid, "rotate") : CTL_FAILED;
}

static const struct verb {
	const char *name;
	bool needs_kid;
	int (*run)(const struct ctl_command *command, struct store *store, const char *kid, bool as_json);
} VERBS[] = {{"list", false, list}, {"drop", true, drop}, {"rotate", false, rotate}};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
		if (strcmp(VERBS[i].name, name) == 0)
			return &VERBS[i];
	return NULL;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const struct verb *verb = argc > 1 ? find(argv[1]) : NULL;
	bool is_verb = verb != NULL;
	const char *uri = NULL, *kid = NULL, *json = NULL;
	const struct ctl_option options[] = {{"store", &uri, 1}, {"kid", &kid, is_verb && verb->needs_kid}, {"json", &json, CTL_FLAG},
		{NULL, NULL, 0}};
	int rc = ctl_options(command, options, argc - is_verb, argv + is_verb);
	struct store *store;
	if (rc >= 0)
		return rc;
	if (verb == NULL)
		return ctl_misused(command, "list, drop or rotate has to come first");
	if (kid != NULL && !verb->needs_kid)
		return ctl_misused(command, "--kid is for drop alone");
	rc = source_open_in_use(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	rc = verb->run(command, store, kid, json != NULL);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_device_keys = {
	.name = "device-keys",
	.summary = "the keys that sign device tokens",
	.usage = "Usage: hyperchatctl device-keys list|rotate --store URI [--json]\n"
			 "       hyperchatctl device-keys drop --store URI --kid KID [--json]\n\n"
			 "Device tokens (createDeviceToken) are signed by a key of the store's own. The first token makes it, every 90 days another\n"
			 "one takes its place, and it is dropped when its last token is over. Brokers may run meanwhile, and know within a second.\n\n"
			 "  list         prints them, the one that signs first\n"
			 "  rotate       makes a new one and prints its name; tokens by the others go on counting\n"
			 "  drop         all tokens by this one count no more, and whoever is connected by one is cut off\n\n"
			 "  --store URI  as plugin_opt_store\n"
			 "  --kid KID    which one, as list prints it; an argument that begins with '-' is written --kid=KID\n"
			 "  --json       of list an object a line: kid, createdAt (ms), signs (whether new tokens are by it); of the others one: kid\n",
	.run = run,
};
