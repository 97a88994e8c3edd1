/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The option table as docs/configuration.md, and as conf/hyperchat-options.conf. Any thread. */
#include <inttypes.h>
#include <string.h>

#include "plugin/conf/conf.h"
#include "plugin/conf/table.h"

static const char introduction[] =
	"# Configuration\n"
	"\n"
	"<!-- Made from plugin/conf/table.c by conf_manual; a test compares. Change the table, then: build/release/conf_manual > "
	"docs/configuration.md -->\n"
	"\n"
	"Options stand behind the `plugin` line in mosquitto.conf, each as `plugin_opt_<name> <value>`; the samples in conf/ are to be "
	"started from.\n"
	"Who is believed must be given: `keys` with `issuer` and `audience`, or `oidc` with `audience`, or `issuers_file`. An option that does not exist, stands twice or has a value out of range stops\n"
	"the start with one line in the log that names it and says what is allowed.\n"
	"\n"
	"Mosquitto gives options to plugins once, at start, and skips them when it reloads. So SIGHUP (`systemctl reload mosquitto`) reads two "
	"files again:\n"
	"those behind `keys` and `issuers_file`, and the one behind `limits_file`, which may hold every option marked *SIGHUP*. What changed is logged; a "
	"broken\n"
	"file leaves the old values in force and says so; nobody is disconnected.\n";

static void add_range(struct buf *out, const struct option *option)
{
	if (option->type == OPTION_CHOICE)
		for (size_t i = 0; option->choices[i] != NULL; i++)
			buf_printf(out, "%s`%s`", i ? ", " : "", option->choices[i]);
	else if (option->type == OPTION_NUMBER || option->type == OPTION_BYTES)
		buf_printf(
			out, "%" PRIu64 " to %" PRIu64 "%s%s", option->min, option->max, option->unit ? " " : "", option->unit ? option->unit : "");
	else if (option->type == OPTION_LEVEL)
		buf_printf(out, "one topic level: letters, digits, `_`, `-`");
	else if (option->type == OPTION_STORE)
		buf_printf(out, "`<backend>:<place>`");
	else
		buf_printf(out, option->type == OPTION_FILE ? "file" : "text");
}

static void add_option(struct buf *out, const struct option *option)
{
	buf_printf(out, "| `%s` | ", option->name);
	add_range(out, option);
	if (option->value == NULL)
		buf_add_text(out, " | **required** | ");
	else if (option->value[0] == '\0')
		buf_add_text(out, " | none | ");
	else
		buf_printf(out, " | `%s` | ", option->value);
	buf_printf(out, "%s%s |\n", option->help, option->reloadable ? " *SIGHUP*" : "");
}

void conf_manual(struct buf *out)
{
	buf_add_text(out, introduction);
	for (int group = 0; group < GROUP_COUNT; group++) {
		buf_printf(out, "\n## %s\n\n", option_group_titles[group]);
		if (group == GROUP_LIMITS)
			buf_add_text(out, "Per user unless it says otherwise. Sizes may be written with K, M or G (1024).\n\n");
		if (group == GROUP_KAFKA)
			buf_add_text(out, "Every other `kafka_<name>` is handed on to librdkafka as its property of that name, with dots in place of the underscores:\n"
							  "`plugin_opt_kafka_security_protocol SASL_SSL` sets `security.protocol`. What it does not know stops the start.\n\n");
		buf_add_text(out, "| option | value | default | what it does |\n|---|---|---|---|\n");
		for (size_t i = 0; i < option_count; i++)
			if (option_table[i].group == (enum option_group)group)
				add_option(out, &option_table[i]);
	}
}

static const char sample_introduction[] =
	"# Every option of HyperChat with its default, to look things up in and to copy lines from. Made from plugin/conf/table.c by\n"
	"# 'conf_manual --sample'; a test compares. Files to start from: laptop.conf, one-server.conf, many-servers.conf.\n";

/* [text](page.md#place), of docs/: as the page alone, or behind the text where that says something else. Where it ends, or NULL: it is none. */
static const char *add_plain_link(struct buf *out, const char *link)
{
	const char *middle = strstr(link, "]("), *end = middle != NULL ? strchr(middle, ')') : NULL;
	if (end == NULL)
		return NULL;
	const char *text = link + 1, *page = middle + 2;
	int text_len = (int)(middle - text), page_len = (int)strcspn(page, "#)");
	if (text_len == page_len && memcmp(text, page, (size_t)page_len) == 0)
		buf_printf(out, "docs/%.*s", page_len, page);
	else
		buf_printf(out, "%.*s (docs/%.*s)", text_len, text, page_len, page);
	return end + 1;
}

/* The table is written in Markdown, a file with comments is read as it is. */
static void add_plain(struct buf *out, const char *markdown)
{
	while (*markdown != '\0') {
		const char *behind = *markdown == '[' ? add_plain_link(out, markdown) : NULL;
		if (behind == NULL) {
			buf_add_char(out, *markdown == '`' ? '\'' : *markdown);
			behind = markdown + 1;
		}
		markdown = behind;
	}
}

/* A comment of no more than a line's width, broken at blanks. */
static void add_comment(struct buf *out, const char *text)
{
	enum { WIDTH = 140 };
	while (*text != '\0') {
		size_t len = strlen(text), room = WIDTH - 2;
		if (len > room)
			for (len = room; len > 1 && text[len] != ' ';)
				len--;
		buf_printf(out, "# %.*s\n", (int)len, text);
		text += len + (text[len] == ' ');
	}
}

static void add_sample_option(struct buf *out, const struct option *option)
{
	struct buf help = BUF_EMPTY, plain = BUF_EMPTY;
	buf_add_text(out, "\n");
	buf_printf(&help, "%s (", option->help);
	add_range(&help, option);
	buf_printf(&help, "%s)", option->reloadable ? "; also in limits_file" : "");
	add_plain(&plain, help.data);
	add_comment(out, plain.data);
	buf_fini(&help);
	buf_fini(&plain);
	buf_printf(out, "#plugin_opt_%s %s\n", option->name, option->value != NULL && option->value[0] != '\0' ? option->value : "…");
}

void conf_sample(struct buf *out)
{
	buf_add_text(out, sample_introduction);
	for (int group = 0; group < GROUP_COUNT; group++) {
		buf_printf(out, "\n# ---- %s ----\n", option_group_titles[group]);
		for (size_t i = 0; i < option_count; i++)
			if (option_table[i].group == (enum option_group)group)
				add_sample_option(out, &option_table[i]);
	}
}
