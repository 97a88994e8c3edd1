/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl export: a chat's log as JSON Lines. One thread, blocks. */
#include <stdio.h>

#include "plugin/chat/line.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/source.h"

/* false: standard output takes no more. */
static bool print_page(const struct page *page, struct buf *line)
{
	for (size_t i = 0; i < page->count; i++) {
		buf_clear(line);
		line_add(line, page->transactions[i]);
		buf_add_char(line, '\n');
		if (fwrite(line->data, 1, line->len, stdout) != line->len)
			return false;
	}
	return true;
}

/* Nobody reads what others say without that. */
static int note(const struct ctl_command *command, struct store *store, const char *chat_id, bool *noted)
{
	int rc = *noted ? CTL_OK : audit_note(command, store, chat_id, "", "ok");
	*noted = true;
	return rc;
}

/* What was written while we print is left to the next export: `to` is the latest number of the first page. */
static int print_chat(const struct ctl_command *command, struct store *store, const char *chat_id)
{
	struct buf line = BUF_EMPTY;
	uint64_t next = 1, to = UINT64_MAX;
	bool noted = false;
	int rc = CTL_OK;
	while (rc == CTL_OK && next <= to) {
		struct page page = {0};
		struct error err;
		if (store_ops(store)->read_page(store, chat_id, next, to > INT64_MAX ? INT64_MAX : to, &source_page, &page, &err) != STORE_OK)
			rc = ctl_failed(command, "%s", err.text);
		else if (page.latest == 0)
			rc = ctl_failed(command, "there is no chat '%s'", chat_id);
		else if (page.count == 0)
			rc = ctl_failed(
				command, "chat '%s' ends before number %llu; 'hyperchatctl check' tells more", chat_id, (unsigned long long)next);
		else if ((rc = note(command, store, chat_id, &noted)) == CTL_OK && !print_page(&page, &line))
			rc = CTL_FAILED; /* main says why */
		to = to == UINT64_MAX ? page.latest : to;
		next = page.count ? page.transactions[page.count - 1]->number + 1 : next;
		store_page_free(&page);
	}
	buf_fini(&line);
	return rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *chat_id = NULL;
	const struct ctl_option options[] = {{"store", &uri, 1}, {"chat", &chat_id, 1}, {NULL, NULL, 0}};
	struct store *store;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = source_open_in_use(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	rc = print_chat(command, store, chat_id);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_export = {
	.name = "export",
	.summary = "print a chat as JSON Lines",
	.usage = "Usage: hyperchatctl export --store URI --chat ID\n\n"
			 "Prints every transaction of a chat, one JSON object a line, as members receive them. What was erased is\n"
			 "there as {\"type\": \"void\"}. The broker may be running. That it was done is written down ('hyperchatctl audit').\n\n"
			 "  --store URI   as plugin_opt_store, for example sqlite:/var/lib/mosquitto/hyperchat.db\n"
			 "  --chat ID     the chatID\n",
	.run = run,
};
