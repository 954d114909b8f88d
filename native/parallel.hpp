// Independent tasks over threads. Every task writes to its own place, so the result never depends on their number.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace seitz {

// Calls body(task, worker) for every task < n_tasks; worker < n_threads tells whose buffers to use.
template <class Body>
void parallel_for(std::size_t n_tasks, std::size_t n_threads, Body&& body) {
  n_threads = std::max<std::size_t>(1, std::min(n_threads, n_tasks));
  if (n_threads == 1) {
    for (std::size_t task = 0; task < n_tasks; ++task) body(task, std::size_t{0});
    return;
  }
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex guard;
  const auto work = [&](std::size_t worker) {
    try {
      for (std::size_t task = next++; task < n_tasks; task = next++) body(task, worker);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(guard);
      error = std::current_exception();
      next = n_tasks;
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(n_threads - 1);
  try {
    for (std::size_t worker = 1; worker < n_threads; ++worker) threads.emplace_back(work, worker);
  } catch (const std::system_error&) {
    n_threads = threads.size() + 1;  // no more are to be had: those there are share the work
  }
  work(0);
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace seitz
