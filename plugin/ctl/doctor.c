/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: what an operator would look at first. One thread, blocks. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin/ctl/examine.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/options.h"
#include "plugin/ctl/signon.h"

void exam_part(struct examination *exam, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_clear(&exam->part);
	buf_add_text(&exam->part, text);
	if (!exam->as_json)
		puts(text);
}

static void print_json(const struct examination *exam, enum exam_level level, const char *what, const char *mend)
{
	static const char *const NAMES[] = {[EXAM_FINE] = "fine", [EXAM_NOTE] = "note", [EXAM_WRONG] = "wrong"};
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "part", exam->part.data);
	object_add_text(&line, "level", NAMES[level]);
	object_add_text(&line, "what", what);
	if (mend != NULL)
		object_add_text(&line, "mend", mend);
	object_print(&line);
}

void exam_find(struct examination *exam, enum exam_level level, const char *what, const char *mend)
{
	static const char *const BEFORE[] = {[EXAM_FINE] = "", [EXAM_NOTE] = "note: ", [EXAM_WRONG] = "WRONG: "};
	exam->notes += level == EXAM_NOTE;
	exam->wrong += level == EXAM_WRONG;
	if (exam->as_json)
		print_json(exam, level, what, mend);
	else
		printf("  %s%s%s%s\n", BEFORE[level], what, mend != NULL ? ". " : "", mend != NULL ? mend : "");
}

/* text is cut in two. */
static char *find_mend(char *text)
{
	char *last = NULL;
	for (char *at = text; (at = strstr(at, ". ")) != NULL; at += 2)
		last = at;
	if (last == NULL)
		return NULL;
	*last = '\0';
	return last + 2;
}

__attribute__((format(printf, 3, 0))) static void find(struct examination *exam, enum exam_level level, const char *format, va_list args)
{
	char text[1024];
	vsnprintf(text, sizeof text, format, args);
	char *mend = level != EXAM_FINE ? find_mend(text) : NULL;
	exam_find(exam, level, text, mend);
}

void exam_fine(struct examination *exam, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	find(exam, EXAM_FINE, format, args);
	va_end(args);
}

void exam_note(struct examination *exam, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	find(exam, EXAM_NOTE, format, args);
	va_end(args);
}

void exam_wrong(struct examination *exam, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	find(exam, EXAM_WRONG, format, args);
	va_end(args);
}

/* The last line: what became of it all. */
static void print_outcome(const struct examination *exam, int rc)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "outcome", rc == CTL_OK ? "fine" : "wrong");
	object_add_u64(&line, "notes", exam->notes);
	object_add_u64(&line, "wrong", exam->wrong);
	object_print(&line);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *file = "/etc/mosquitto/mosquitto.conf", *mosquitto = "/usr/sbin/mosquitto", *token = NULL, *json = NULL;
	const struct ctl_option options[] = {{"conf", &file, 0}, {"mosquitto", &mosquitto, 0}, {"token", &token, 0}, {"json", &json, CTL_FLAG},
		{NULL, NULL, 0}};
	struct conf conf;
	struct error err;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (!options_read(file, &conf, &err))
		return ctl_failed(command, "%s", err.text);
	struct examination exam = {.file = file, .mosquitto = mosquitto, .conf = &conf, .as_json = json != NULL};
	examine_host(&exam);
	examine_disk(&exam);
	examine_store(&exam);
	examine_kafka(&exam);
	rc = signon_examine(command, &exam, token);
	if (exam.wrong > 0)
		rc = CTL_FAILED;
	if (exam.as_json)
		print_outcome(&exam, rc);
	buf_fini(&exam.part);
	conf_fini(&conf);
	return rc;
}

const struct ctl_command ctl_doctor = {
	.name = "doctor",
	.summary = "look for what is wrong: settings, certificates, disk, store, Kafka, sign-on, a refused token",
	.usage = "Usage: hyperchatctl doctor [--conf FILE] [--mosquitto PROGRAM] [--token FILE] [--json]\n\n"
			 "Reads the broker's configuration and says what is wrong with it or worth a thought, and what to do about it:\n"
			 "Mosquitto's own settings, certificates that expire, files that cannot be read, how long the disk takes,\n"
			 "whether the store opens and Kafka answers. Asks each issuer for its keys as the broker does, and says which\n"
			 "keys there are, how old those are that the broker keeps, and how far the issuer's clock is off. With a token\n"
			 "it says whom the broker would let in, or why nobody. The token is never printed. Changes nothing. The broker\n"
			 "may be running. Exit code 1 if something is wrong. Run it as the broker's user, so that it may read what\n"
			 "the broker reads.\n\n"
			 "  --conf FILE           mosquitto.conf, or the file with the plugin's options (/etc/mosquitto/mosquitto.conf)\n"
			 "  --mosquitto PROGRAM   the broker's program, which is asked for its version (/usr/sbin/mosquitto)\n"
			 "  --token FILE          a file with the token; - is standard input, where it is pasted and ended by Ctrl-D\n"
			 "  --json                an object a finding: part, level (fine, note, wrong), what, mend (if there is something to do); the last\n"
			 "                        one: outcome (fine, wrong), notes and wrong (how many)\n",
	.run = run,
};
