package resource

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubeorch/core/models"
)

// What a user can note.
const (
	maxMarks = 5000  // resources of one user
	maxTags  = 20    // of one resource
	maxTag   = 60    // characters
	maxNotes = 10000 // characters
)

// Mark stores what a user notes about a resource they see. Absent fields stay as they
// are. Its error names the field that is wrong.
func (s *Service) Mark(ctx context.Context, userID, id string, in models.ResourceMarkInput) error {
	r, err := s.Object(ctx, userID, id, models.ClusterRead)
	if err != nil {
		return err
	}
	if err := checkMark(in); err != nil {
		return err
	}
	noted, err := s.deps.Marks.Of(ctx, userID, []string{id})
	if err != nil {
		return err
	}
	before, known := noted[id]
	switch {
	case isEmpty(before, in):
		return s.deps.Marks.Delete(ctx, userID, id)
	case !known:
		if err := s.makeRoom(ctx, userID); err != nil {
			return err
		}
	}
	return s.deps.Marks.Set(ctx, models.ResourceMark{UserID: userID, ResourceID: id, ClusterID: r.ClusterID}, in)
}

// makeRoom sees to it that a user may have one more mark. Those on resources that were
// deleted so long ago that nobody can see them any more go first.
func (s *Service) makeRoom(ctx context.Context, userID string) error {
	n, err := s.deps.Marks.Count(ctx, userID)
	if err != nil || n < int64(s.maxMarks) {
		return err
	}
	marked, err := s.deps.Marks.Marked(ctx, userID)
	if err != nil {
		return err
	}
	there, err := s.deps.Records.Existing(ctx, marked)
	if err != nil {
		return err
	}
	if len(there) >= s.maxMarks {
		msg := fmt.Sprintf("you have favourites, tags or notes on %d resources, which is the limit", len(there))
		return &models.Error{Op: "resource.Service.Mark", Kind: models.Conflict, Msg: msg}
	}
	slices.Sort(there)
	gone := slices.DeleteFunc(marked, func(id string) bool {
		_, found := slices.BinarySearch(there, id)
		return found
	})
	return s.deps.Marks.Delete(ctx, userID, gone...)
}

// isEmpty reports whether nothing is noted after a change.
func isEmpty(m models.ResourceMark, in models.ResourceMarkInput) bool {
	if in.Favorite != nil {
		m.Favorite = *in.Favorite
	}
	if in.Tags != nil {
		m.Tags = *in.Tags
	}
	if in.Notes != nil {
		m.Notes = *in.Notes
	}
	return !m.Favorite && len(m.Tags) == 0 && m.Notes == ""
}

func checkMark(in models.ResourceMarkInput) error {
	var p models.Problems
	if in.Tags != nil {
		if len(*in.Tags) > maxTags {
			p.Addf("userTags", "may have %d entries at most", maxTags)
		}
		for i, tag := range *in.Tags {
			if n := utf8.RuneCountInString(tag); strings.TrimSpace(tag) == "" || n > maxTag {
				p.Addf(fmt.Sprintf("userTags[%d]", i), "must have 1 to %d characters", maxTag)
				break
			}
		}
	}
	if in.Notes != nil && utf8.RuneCountInString(*in.Notes) > maxNotes {
		p.Addf("userNotes", "may have %d characters at most", maxNotes)
	}
	return p.Err("resource.Service.Mark")
}
