/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_SIGNON_H
#define HC_CTL_SIGNON_H
/* hyperchatctl doctor, the part about single sign-on. One thread, blocks on files and on the issuers. */

#include "plugin/ctl/ctl.h"
#include "plugin/ctl/examine.h"

/* Adds of each issuer whether it answers, which keys it has and how its clock goes, and with a token (a file; "-": stdin) why the
 * broker takes it or not, without printing it. CTL_FAILED: something is wrong, and was added or said. */
int signon_examine(const struct ctl_command *command, struct examination *exam, const char *token_file);

#endif
