/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: what an operator would look at first. One thread, blocks. */
#include <stdarg.h>
#include <stdio.h>

#include "plugin/ctl/examine.h"
#include "plugin/ctl/options.h"
#include "plugin/ctl/signon.h"

__attribute__((format(printf, 2, 0))) static void print(const char *before, const char *format, va_list args)
{
	fputs(before, stdout);
	vprintf(format, args);
	putchar('\n');
}

void exam_fine(struct examination *exam, const char *format, ...)
{
	va_list args;
	(void)exam;
	va_start(args, format);
	print("  ", format, args);
	va_end(args);
}

void exam_note(struct examination *exam, const char *format, ...)
{
	va_list args;
	(void)exam;
	va_start(args, format);
	print("  note: ", format, args);
	va_end(args);
}

void exam_wrong(struct examination *exam, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print("  WRONG: ", format, args);
	va_end(args);
	exam->wrong = true;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *file = "/etc/mosquitto/mosquitto.conf", *mosquitto = "/usr/sbin/mosquitto", *token = NULL;
	const struct ctl_option options[] = {{"conf", &file, 0}, {"mosquitto", &mosquitto, 0}, {"token", &token, 0}, {NULL, NULL, 0}};
	struct conf conf;
	struct error err;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (!options_read(file, &conf, &err))
		return ctl_failed(command, "%s", err.text);
	struct examination exam = {.file = file, .mosquitto = mosquitto, .conf = &conf};
	examine_host(&exam);
	examine_disk(&exam);
	examine_store(&exam);
	examine_kafka(&exam);
	rc = signon_examine(command, &conf, token);
	conf_fini(&conf);
	return exam.wrong ? CTL_FAILED : rc;
}

const struct ctl_command ctl_doctor = {
	.name = "doctor",
	.summary = "look for what is wrong: settings, certificates, disk, store, Kafka, sign-on, a refused token",
	.usage = "Usage: hyperchatctl doctor [--conf FILE] [--mosquitto PROGRAM] [--token FILE]\n\n"
			 "Reads the broker's configuration and says what is wrong with it or worth a thought, and what to do about it:\n"
			 "Mosquitto's own settings, certificates that expire, files that cannot be read, how long the disk takes,\n"
			 "whether the store opens and Kafka answers. Asks each issuer for its keys as the broker does, and says which\n"
			 "keys there are, how old those are that the broker keeps, and how far the issuer's clock is off. With a token\n"
			 "it says whom the broker would let in, or why nobody. The token is never printed. Changes nothing. The broker\n"
			 "may be running. Exit code 1 if something is wrong. Run it as the broker's user, so that it may read what\n"
			 "the broker reads.\n\n"
			 "  --conf FILE           mosquitto.conf, or the file with the plugin's options (/etc/mosquitto/mosquitto.conf)\n"
			 "  --mosquitto PROGRAM   the broker's program, which is asked for its version (/usr/sbin/mosquitto)\n"
			 "  --token FILE          a file with the token; - is standard input, where it is pasted and ended by Ctrl-D\n",
	.run = run,
};
