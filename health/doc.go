// Package health observes backends: actively, by probing them, and passively,
// by the outcome of the requests that they serve.
//
// A [Checker] probes the backends of all pools of a process. A passive
// observer, made by [NewPassive], looks at one pool's requests. Both only
// report what they see; whether a backend takes requests is for its pool to
// decide.
package health
