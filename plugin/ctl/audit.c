/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl audit: what operators did to a store; and writing it down. One thread, blocks. */
#include "plugin/ctl/audit.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"
#include "plugin/ctl/when.h"

enum { PAGE = 500 };

/* ---- writing ---- */

static void add_who(struct buf *who)
{
	const struct passwd *user = getpwuid(getuid());
	buf_add_text(who, "hyperchatctl as ");
	if (user != NULL)
		buf_add_text(who, user->pw_name);
	else
		buf_printf(who, "%ld", (long)getuid());
}

enum store_rc audit_put(const struct ctl_command *command, struct store *store, const char *subject, const char *details, const char *result,
                        struct error *err)
{
	struct buf who = BUF_EMPTY;
	add_who(&who);
	const struct audit_record record = {clock_wall_ms(), who.data, command->name, subject, details, result};
	enum store_rc rc = store_ops(store)->put_audit(store, &record, err);
	buf_fini(&who);
	return rc;
}

static int not_written(const struct ctl_command *command, const struct error *err)
{
	return ctl_failed(command, "that it was done could not be written down: %s", err->text);
}

int audit_note(const struct ctl_command *command, struct store *store, const char *subject, const char *details, const char *result)
{
	struct error err;
	enum store_rc rc = audit_put(command, store, subject, details, result, &err);
	return rc == STORE_OK ? CTL_OK : not_written(command, &err);
}

int audit_note_in(const struct ctl_command *command, const char *uri, unsigned flags, const char *details)
{
	struct store *store;
	struct error err;
	enum store_rc opened = source_try(uri, flags | STORE_EXISTING, &store, &err);
	if (opened != STORE_OK)
		return opened == STORE_REFUSED ? CTL_OK : not_written(command, &err);
	int rc = audit_note(command, store, "", details, "ok");
	source_close(store);
	return rc;
}

/* ---- listing ---- */

struct wanted {
	const char *user_id; /* NULL: everybody */
	int64_t since_ms;
	bool as_json;
};

/* Who did it, or whom it was about, a device of his too. */
static bool concerns(const struct audit_record *record, const char *user_id)
{
	size_t len = strlen(user_id);
	bool about = strncmp(record->subject, user_id, len) == 0 && (record->subject[len] == '\0' || record->subject[len] == '/');
	return about || strcmp(record->who, user_id) == 0;
}

static void print_json(const struct audit_record *record)
{
	struct buf line = BUF_EMPTY;
	object_add_i64(&line, "at", record->at_ms);
	object_add_text(&line, "who", record->who);
	object_add_text(&line, "command", record->command);
	object_add_text(&line, "subject", record->subject);
	if (record->details[0] != '\0')
		object_add_json(&line, "details", record->details);
	object_add_text(&line, "result", record->result);
	object_print(&line);
}

static void print(const struct audit_record *record)
{
	char at[WHEN_SIZE];
	when_print(record->at_ms, at);
	printf("%s  %s: %s%s%s%s%s, %s\n", at, record->who, record->command, record->subject[0] ? " " : "", record->subject,
		record->details[0] ? " " : "", record->details, record->result);
}

/* false: there is nothing more that is wanted. */
static bool print_page(const struct audit_list *page, const struct wanted *wanted)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct audit_record *record = &page->records[i];
		if (record->at_ms < wanted->since_ms)
			return false;
		if (wanted->user_id != NULL && !concerns(record, wanted->user_id))
			continue;
		if (wanted->as_json)
			print_json(record);
		else
			print(record);
	}
	return page->count == PAGE;
}

static int list(const struct ctl_command *command, struct store *store, const struct wanted *wanted)
{
	struct audit_list *page = NULL;
	struct error err;
	bool more = true;
	int rc = CTL_OK;
	while (more && rc == CTL_OK) {
		struct audit_list *last = page;
		page = NULL;
		if (store_ops(store)->list_audit(store, last ? &last->records[last->count - 1] : NULL, PAGE, &page, &err) != STORE_OK)
			rc = ctl_failed(command, "%s", err.text);
		else
			more = print_page(page, wanted);
		store_free(last);
	}
	store_free(page);
	return rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *since = NULL, *json = NULL;
	struct wanted wanted = {0};
	const struct ctl_option options[] = {{"store", &uri, 1}, {"since", &since, 0}, {"user", &wanted.user_id, 0}, {"json", &json, CTL_FLAG},
		{NULL, NULL, 0}};
	bool is_list = argc > 1 && strcmp(argv[1], "list") == 0;
	struct store *store;
	int rc = ctl_options(command, options, argc - is_list, argv + is_list);
	if (rc >= 0)
		return rc;
	if (!is_list)
		return ctl_misused(command, "list has to come first");
	if (since != NULL && !when_read(since, clock_wall_ms(), &wanted.since_ms))
		return ctl_misused(command, "--since '%s' is neither a date (2026-11-28, 2026-11-28T04:05:06Z) nor a time ago (30m, 12h, 7d)", since);
	wanted.as_json = json != NULL;
	rc = source_open_in_use(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	rc = list(command, store, &wanted);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_audit = {
	.name = "audit",
	.summary = "what operators did",
	.usage = "Usage: hyperchatctl audit list --store URI [--since WHEN] [--user U] [--json]\n\n"
			 "Prints what operators did to this store, the newest first: when, who, the command, whom or what it was about, and\n"
			 "what became of it. Of what was done by hyperchatctl \"who\" is the user of the system. It is kept for 400 days.\n"
			 "The broker may be running.\n\n"
			 "  --store URI   as plugin_opt_store\n"
			 "  --since WHEN  no older than this: 2026-11-28, 2026-11-28T04:05:06Z (UTC), or so long ago: 30m, 12h, 7d\n"
			 "  --user U      only what this user did, or what was about him or a device of his\n"
			 "  --json        an object a line: at (ms since 1970), who, command, subject, details, result\n",
	.run = run,
};
