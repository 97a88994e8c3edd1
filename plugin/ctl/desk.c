/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operators' commands from a command line. One thread, blocks. */
#include "plugin/ctl/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/control_table.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/show.h"

enum { ANSWER_S = 30, DRAIN_S = 30 };

struct line {
	const char *program;
	const struct control_command *command;
	json_t *object;
	bool as_json;
};

static int misused(const struct line *line, const char *what, const char *which)
{
	fprintf(stderr, "%s: %s%s%s%s\n", line->program, what, which[0] ? " '" : "", which, which[0] ? "'" : "");
	fprintf(stderr, "Try '%s help'.\n", line->program);
	return CTL_USAGE;
}

/* ---- reading ---- */

static const struct control_argument *option_named(const struct control_command *command, const char *name)
{
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++)
		if (strcmp(argument->name, name) == 0)
			return argument;
	return NULL;
}

/* Anything is a text: one that may be left out would be taken for another argument, `listUsers alice` for --after alice. */
static bool needs_name(const struct control_argument *argument)
{
	return argument->type == CONTROL_FLAG || (argument->type == CONTROL_TEXT && !argument->required);
}

/* The next one that can be given without its name. */
static const struct control_argument *next_bare(const struct line *line)
{
	for (const struct control_argument *argument = line->command->arguments; argument->name != NULL; argument++)
		if (json_object_get(line->object, argument->name) == NULL && !needs_name(argument))
			return argument;
	return NULL;
}

static int take(struct line *line, const struct control_argument *argument, const char *text)
{
	struct error err;
	if (json_object_get(line->object, argument->name) != NULL)
		return misused(line, "given twice:", argument->name);
	json_t *value = control_value(argument, text, &err);
	if (value == NULL)
		return misused(line, err.text, "");
	json_object_set_new(line->object, argument->name, value);
	return CTL_OK;
}

static int take_option(struct line *line, const char *name, const char *next, int *at)
{
	const struct control_argument *argument = line->command != NULL ? option_named(line->command, name) : NULL;
	if (argument == NULL)
		return misused(line, "there is no option", name);
	if (argument->type == CONTROL_FLAG)
		return take(line, argument, "");
	if (next == NULL)
		return misused(line, "its value is missing:", name);
	(*at)++;
	return take(line, argument, next);
}

static int take_bare(struct line *line, const char *text)
{
	if (line->command == NULL) {
		line->command = control_find(text);
		if (line->command == NULL)
			return misused(line, "there is no command", text);
		json_object_set_new(line->object, "command", json_string(text));
		return CTL_OK;
	}
	const struct control_argument *argument = next_bare(line);
	return argument != NULL ? take(line, argument, text) : misused(line, "one argument too many:", text);
}

static int read_line(struct line *line, int argc, char **argv)
{
	struct error err;
	int rc = CTL_OK;
	for (int at = 0; at < argc && rc == CTL_OK; at++) {
		const char *text = argv[at];
		if (strcmp(text, "--json") == 0)
			line->as_json = true;
		else if (strncmp(text, "--", 2) == 0)
			rc = take_option(line, text + 2, at + 1 < argc ? argv[at + 1] : NULL, &at);
		else
			rc = take_bare(line, text);
	}
	if (rc == CTL_OK && line->command == NULL)
		rc = misused(line, "a command is missing", "");
	if (rc == CTL_OK && !control_check(line->command, line->object, &err))
		rc = misused(line, err.text, "");
	return rc;
}

/* ---- asking ---- */

static int show(const struct line *line, const json_t *answer)
{
	const json_t *response = json_array_get(json_object_get(answer, "responses"), 0);
	const char *why = json_string_value(json_object_get(answer, "error"));
	if (why == NULL)
		why = json_string_value(json_object_get(response, "error"));
	if (why == NULL && response == NULL)
		why = "the broker's answer has another form: is it of this version?";
	if (why != NULL) {
		fprintf(stderr, "%s: %s\n", line->program, why);
		return CTL_FAILED;
	}
	const json_t *data = json_object_get(response, "data");
	struct buf out = BUF_EMPTY;
	char *text = line->as_json && data != NULL ? json_dumps(data, JSON_INDENT(2)) : NULL;
	if (line->as_json)
		buf_printf(&out, "%s\n", text != NULL ? text : "{}");
	else if (json_object_size(data) > 0)
		show_data(data, &out);
	else
		buf_add_text(&out, "done\n");
	bool written = fwrite(out.data != NULL ? out.data : "", 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	free(text);
	buf_fini(&out);
	/* A broker that could not be drained in time is no success for who waits to stop it. */
	bool undone = line->command == &control_table[CONTROL_DRAIN] && json_is_true(json_object_get(data, "draining")) &&
	              !json_is_true(json_object_get(data, "drained"));
	return written && !undone ? CTL_OK : CTL_FAILED;
}

static int timeout_of(const struct line *line)
{
	const json_t *timeout = json_object_get(line->object, "timeout");
	if (line->command != &control_table[CONTROL_DRAIN])
		return ANSWER_S;
	return ANSWER_S + (timeout != NULL ? (int)json_integer_value(timeout) : DRAIN_S);
}

static int ask(const struct link_conf *conf, const struct line *line)
{
	struct error err;
	json_t *answer, *question = json_pack("{s:[O]}", "commands", line->object);
	char *payload = json_dumps(question, JSON_COMPACT);
	int rc = CTL_FAILED;
	if (link_ask(conf, payload, timeout_of(line), &answer, &err))
		rc = show(line, answer);
	else
		fprintf(stderr, "%s: %s\n", line->program, err.text);
	json_decref(answer);
	json_decref(question);
	free(payload);
	return rc;
}

static bool asks_for_help(int argc, char **argv)
{
	bool asks = argc > 0 && strcmp(argv[0], "help") == 0;
	for (int at = 0; at < argc; at++)
		asks = asks || strcmp(argv[at], "--help") == 0;
	return asks;
}

static void add_command(const struct control_command *command, bool with_arguments, struct buf *out)
{
	struct buf indented = BUF_EMPTY;
	control_add_synopsis(command, out);
	buf_printf(out, "\n    %s\n", command->summary);
	if (with_arguments)
		control_add_help(command, &indented);
	for (char *line = indented.len > 0 ? strtok(indented.data, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
		buf_printf(out, "    %s\n", line);
	buf_fini(&indented);
}

/* Of the command that is named first, else of all. */
static void print_help(const char *program, int argc, char **argv)
{
	struct buf out = BUF_EMPTY;
	const struct control_command *command = control_find(argv[0]);
	if (command == NULL && argc > 1)
		command = control_find(argv[1]);
	buf_printf(&out, "Usage: %s ", program);
	if (command != NULL) {
		add_command(command, true, &out);
	} else {
		buf_add_text(&out, "COMMAND [ARGUMENT…] [--json]\n\n");
		desk_add_commands(&out, true);
	}
	fputs(out.data, stdout);
	buf_fini(&out);
}

int desk_run(const struct link_conf *conf, const char *program, int argc, char **argv)
{
	struct line line = {.program = program};
	if (asks_for_help(argc, argv)) {
		print_help(program, argc, argv);
		return CTL_OK;
	}
	line.object = json_object();
	int rc = read_line(&line, argc, argv);
	if (rc == CTL_OK)
		rc = ask(conf, &line);
	json_decref(line.object);
	return rc;
}

void desk_add_commands(struct buf *out, bool with_arguments)
{
	for (size_t i = 0; i < CONTROL_COUNT; i++)
		add_command(&control_table[i], with_arguments, out);
}
