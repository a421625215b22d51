/// Node-API as the program that loads the addon has it, whatever its file is called: an import
/// table would have to name node.exe, which a packaged Electron app is not. It is for the addons
/// for Windows that scripts/prebuild.mjs builds; it defines ONLITE_HOST_FUNCTIONS as a file that
/// has `HOST_FUNCTION(name)` for each function. Under Microsoft's linker node-gyp and cmake-js see
/// to it by a win_delay_load_hook.
#ifdef ONLITE_HOST_FUNCTIONS
#include <windows.h>

namespace {

struct HostFunction {
  const char* name;
  FARPROC* pointer;
};

}  // namespace

// Calls of an imported function f go through the pointer __imp_f. Windows fills those of an import
// table in, DllMain these.
extern "C" {
#define HOST_FUNCTION(name) FARPROC import_##name __asm__("__imp_" #name);
#include ONLITE_HOST_FUNCTIONS
#undef HOST_FUNCTION
}

namespace {

constexpr HostFunction kHostFunctions[] = {
#define HOST_FUNCTION(name) {#name, &import_##name},
#include ONLITE_HOST_FUNCTIONS
#undef HOST_FUNCTION
};

/// Looks in the library that some builds of Node keep it in, else in the program itself.
bool FindHostFunctions() {
  HMODULE host = GetModuleHandleW(L"libnode.dll");
  if (host == nullptr) host = GetModuleHandleW(nullptr);
  for (const HostFunction& function : kHostFunctions) {
    *function.pointer = GetProcAddress(host, function.name);
    if (*function.pointer == nullptr) return false;
  }
  return true;
}

}  // namespace

/// Windows calls it when the library is loaded, before anybody else can; FALSE refuses the library.
BOOL WINAPI DllMain(HINSTANCE /*library*/, DWORD reason, LPVOID /*reserved*/) {
  return reason != DLL_PROCESS_ATTACH || FindHostFunctions() ? TRUE : FALSE;
}
#endif
