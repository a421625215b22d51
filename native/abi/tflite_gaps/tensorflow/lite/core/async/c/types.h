#pragma once

/// Stands in for a header that the vendor's package leaves out. c_api.h includes
/// it; nothing that onlite checks is declared in it.
