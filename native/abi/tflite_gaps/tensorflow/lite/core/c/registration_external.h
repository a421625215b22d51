#pragma once

/// Stands in for a header that the vendor's package leaves out. Only the name of
/// this struct occurs in the headers that onlite checks.
typedef struct TfLiteRegistrationExternal TfLiteRegistrationExternal;
