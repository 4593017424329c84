// Package podlog reads and follows the logs of pods.
//
// Viewers of one container share one follower, a feed. It keeps the lines that some
// viewer has yet to take, up to a bound; a viewer that is overtaken is told how many
// lines it missed. The past lines of a viewer come from a request of its own, which
// begins after the viewer has its place in the feed, so that the two overlap. Lines
// have positions, by which the overlap is recognised, and so are lines that come
// again after a broken connection or behind a Last-Event-ID.
package podlog
