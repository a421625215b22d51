# Has CMake build with Zig's clang for another platform. scripts/prebuild.mjs says which: ZIG is the
# program, ZIG_TARGET its name for the platform, ZIG_SYSTEM CMake's.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG ZIG_TARGET ZIG_SYSTEM)
set(CMAKE_SYSTEM_NAME ${ZIG_SYSTEM})
set(CMAKE_CXX_COMPILER ${ZIG} c++ -target ${ZIG_TARGET})
set(CMAKE_CXX_ARCHIVE_CREATE "${ZIG} ar qcs <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "${ZIG} ar qs <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "")
# The speed of the development build at three quarters of its size: all platforms come in one package.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
set(CMAKE_SHARED_LINKER_FLAGS_INIT -s)
# Zig brings the libraries and headers of every platform.
set(CMAKE_CXX_COMPILER_WORKS TRUE)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
