/* Chooses the driver in force. */
#include "driver/driver.h"

int driver_open(struct driver **ret_driver, struct genv_error *err)
{
    int simulated = driver_is_simulated(err);

    if (simulated < 0)
        return simulated;
    return simulated ? driver_simulated_open(ret_driver, err) : driver_nvml_open(ret_driver, err);
}

void driver_close(struct driver *driver)
{
    if (driver)
        driver->ops->close(driver);
}
