package handlers

import (
	"strconv"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

const (
	// defaultLogTail, minLogTail and maxLogTail are what pages offer. Other numbers of
	// past lines are brought into these bounds.
	defaultLogTail = 100
	minLogTail     = 50
	maxLogTail     = 5000
	// maxLogSince is 30 days.
	maxLogSince = 30 * 24 * 3600
	// maxLogFilter is in bytes, as is maxContainer.
	maxLogFilter = 256
	maxContainer = 253
	// allContainers stands for every container of a pod.
	allContainers = "*"
)

// logQuery reads which lines of a log are asked for, which without a tail is the given
// one. All faults are answered at once.
func logQuery(c *gin.Context, tail int) (models.LogQuery, error) {
	if !models.ValidID(c.Param("id")) {
		return models.LogQuery{}, &models.Error{Op: "handlers.logQuery", Kind: models.NotFound, Msg: "resource not found"}
	}
	var faults models.Problems
	number := func(key string, absent, least, most int) int {
		text, ok := c.GetQuery(key)
		if !ok || text == "" {
			return absent
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			faults.Addf(key, "must be a whole number from %d to %d", least, most)
		}
		return n
	}
	flag := func(key string, absent bool) bool {
		text, ok := c.GetQuery(key)
		if !ok || text == "" {
			return absent
		}
		on, err := strconv.ParseBool(text)
		if err != nil {
			faults.Addf(key, "must be true or false")
		}
		return on
	}
	q := models.LogQuery{
		Follow:        flag("follow", true),
		Tail:          number("tail", tail, 0, 1<<31-1),
		SinceSeconds:  number("sinceSeconds", 0, 1, maxLogSince),
		Container:     c.Query("container"),
		AllContainers: flag("allContainers", false),
		Previous:      flag("previous", false),
		Filter:        c.Query("filter"),
	}
	if q.Container == allContainers {
		q.Container, q.AllContainers = "", true
	}
	if len(q.Container) > maxContainer {
		faults.Addf("container", "must have at most %d bytes", maxContainer)
	}
	if len(q.Filter) > maxLogFilter || !utf8.ValidString(q.Filter) {
		faults.Addf("filter", "must be text of at most %d bytes in UTF-8", maxLogFilter)
	}
	return q, faults.Err("handlers.logQuery")
}
