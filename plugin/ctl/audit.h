/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_AUDIT_H
#define HC_CTL_AUDIT_H
/* What operators did by hyperchatctl is written into the store that they did it to. One thread, blocks. */

#include "plugin/ctl/ctl.h"
#include "storage/store.h"

/* subject: whom or what the subcommand was about; details: short JSON or "", no secrets; result: "ok", or why not. CTL_OK, or it has said that
 * what was done is not written down. */
int audit_note(const struct ctl_command *command, struct store *store, const char *subject, const char *details, const char *result);
/* Likewise into a store that is not open, by flags of store.h. One that is REFUSED is left as it is, without a word: an older schema has no place
 * for it. */
int audit_note_in(const struct ctl_command *command, const char *uri, unsigned flags, const char *details);
/* As audit_note, and says nothing. */
enum store_rc audit_put(const struct ctl_command *command, struct store *store, const char *subject, const char *details, const char *result,
                        struct error *err);

#endif
