/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_HOSTCONF_KIT_H
#define HC_TESTS_HOSTCONF_KIT_H
/* The vocabulary of the tests of plugin/broker/hostconf: a directory with the files of a broker's configuration, and what is said about them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/broker/hostconf.h"
#include "plugin/broker/hostconf_read.h"

static const int V2_0[3] = {2, 0, 11}, V2_1[3] = {2, 1, 2};

/* Settings about which there is nothing to say, on either version. */
#define GOOD "allow_duplicate_messages true\nmax_queued_messages 10000\n"

struct scene {
	char dir[64];
	struct hostconf_own own;
	struct hostconf_finding findings[HOSTCONF_FINDING_MAX];
	size_t count;
};

/* A scene of its own for each test. */
int scene_open(void **state);
int scene_close(void **state);

const char *path_of(const struct scene *scene, const char *name); /* until the next call */
void write_bytes(const struct scene *scene, const char *name, const void *bytes, size_t len);
/* "@" in the text becomes the scene's directory. */
void write_file(const struct scene *scene, const char *name, const char *text);

/* What is said of a command line; of main.conf; of that text in main.conf. */
void check_command(struct scene *scene, const int version[3], const char *command_line, size_t len);
void check_written(struct scene *scene, const int version[3]);
void check(struct scene *scene, const int version[3], const char *text);

void expect_nothing(const struct scene *scene);
void expect_only(const struct scene *scene, bool fatal, const char *part);

#define FATAL(scene, part) expect_only(scene, true, part)
#define WARNED(scene, part) expect_only(scene, false, part)

#endif
