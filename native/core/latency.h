#pragma once

#include "core/clock.h"
#include "core/run_statistics.h"
