/* Chooses the driver in force. */
#include "driver/driver.h"

#include <errno.h>
#include <string.h>

#include "driver/set.h"

/* In the order in which their devices are counted. */
static const struct driver_ops *const real_drivers[] = {&driver_nvml};

int driver_open(struct driver **ret_driver, struct genv_error *err)
{
    int simulated = driver_is_simulated(err);

    if (simulated < 0)
        return simulated;
    return simulated ? driver_simulated.open(ret_driver, err)
                     : driver_set_open(real_drivers, ARRAY_SIZE(real_drivers), ret_driver, err);
}

void driver_close(struct driver *driver)
{
    if (driver)
        driver->ops->close(driver);
}

int driver_fingerprint(uint64_t *ret_fingerprint)
{
    return driver_is_simulated(NULL) ? -ENOENT
                                     : driver_set_fingerprint(real_drivers, ARRAY_SIZE(real_drivers), ret_fingerprint);
}

const struct driver_ops *driver_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(real_drivers); i++) {
        if (strcmp(real_drivers[i]->name, name) == 0)
            return real_drivers[i];
    }
    return strcmp(driver_simulated.name, name) == 0 ? &driver_simulated : NULL;
}
