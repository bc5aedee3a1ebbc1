/* Asking the driver for its processes without ever waiting for it longer than one is ready to. */
#ifndef DRIVER_SURVEY_H
#define DRIVER_SURVEY_H

#include "driver/driver.h"

/* The processes on all devices of the driver in force; free() *ret_processes. Another process asks, so that a wedged
 * driver hangs that one, and the caller never maps the driver's library. It holds none of the caller's descriptors
 * (locks!), and leaves the caller no descriptor and no child. A device that fails has no processes.
 *
 * -ETIMEDOUT: the driver did not answer within @timeout_ms (< 0: wait without end); else as driver_open(). Call it from
 * a process of one thread: the other process goes on with malloc() and dlopen(). */
int driver_survey_processes(int timeout_ms, struct driver_process **ret_processes, size_t *ret_count,
                            struct genv_error *err);

/* The parser behind it: reads the @length bytes that the other process answered. -EIO: it was cut off; else as above.
 */
int driver_survey_decode(const char *bytes, size_t length, struct driver_process **ret_processes, size_t *ret_count,
                         struct genv_error *err);

#endif
