/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_SHOW_H
#define HC_CTL_SHOW_H
/* Answers of a broker for people to read. Any thread, does not block. */

#include "base/buf.h"
#include "base/json.h"

/* Adds the data of an answer: what is one value as `name: value`, a list of objects as a table below its name, transactions as a line of JSON each.
 * Times, members named `at` or …At, are local ISO 8601. Control characters, which people may have put into their names, become '?'. */
void show_data(const json_t *data, struct buf *out);

#endif
