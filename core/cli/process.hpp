// What is process-wide, and so belongs to the program and not to the library that others embed.
#pragma once

#include <initializer_list>

namespace peerhold::cli {

// Those of 0 to 2 that are closed become /dev/null: a socket must never get the number of a stream
// that something reads from or prints to (`attach` would send a peer its own bytes back).
void open_standard_streams();
// umask, the limit of open files raised, no core dumps, SIGPIPE ignored.
void prepare_process();
// Signals for which there is no handler yet, or no more, wait meanwhile.
void hold_signals(std::initializer_list<int> signals, bool hold);

}  // namespace peerhold::cli
